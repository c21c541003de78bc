/** `bicameral invite` and `bicameral join`, with the version of this program. */
import { invite } from "../setup/invite.ts"
import { join } from "../setup/join.ts"
import { version } from "../text/version.ts"
import type { InviteRequest, JoinRequest } from "./commands.ts"

export const inviteParties = (request: InviteRequest) => invite({ ...request, version: version() })

export const joinRun = (request: JoinRequest) => join({ ...request, version: version() })
