/** `bicameral doctor`: prints what an examination of a party's site found. */
import { Effect, Either, Option } from "effect"
import { examine } from "../setup/doctor.ts"
import { SiteUnfit, shownFindings } from "../setup/finding.ts"
import { isLikeInvitation } from "../setup/invitation.ts"
import { withoutScenario } from "../setup/local.ts"
import { textAt } from "../setup/places.ts"
import { type Site, siteOfInvitation, siteOfScenario, type Wrong } from "../setup/site.ts"
import { answer } from "../text/answer.ts"
import { version } from "../text/version.ts"
import type { DoctorRequest } from "./commands.ts"
import { WrongWords } from "./words.ts"

/** A site was named without saying which party's it is. */
const noParty = new WrongWords({
  reason: "a scenario has several parties; name the one of this machine with --party",
  help: "bicameral doctor"
})

/** Examines the site and prints a line for each thing that has to be right. Fails where one is not. */
export const examineSite = Effect.fn("Doctor.examine")(function* (request: DoctorRequest) {
  const { file, wait } = request
  const text = yield* Effect.orElseSucceed(textAt(file), () => undefined)
  const isInvitation = text !== undefined && isLikeInvitation(text)
  if (!isInvitation && Option.isNone(request.party)) return yield* noParty
  const party = Option.getOrElse(request.party, () => file)
  const site: Either.Either<Site, Wrong> = isInvitation
    ? yield* Effect.either(siteOfInvitation(file, version()))
    : yield* Effect.either(siteOfScenario({ ...request, file, party, version: version() }))
  const [name, findings] = Either.isLeft(site)
    ? [party, withoutScenario(site.left.message)]
    : [site.right.name, yield* examine(site.right, wait * 1_000)]
  yield* answer({ text: shownFindings(findings), value: { party: name, findings } })
  const faults = findings.filter(({ status }) => status === "fault").map(({ check }) => check)
  if (faults.length > 0) return yield* new SiteUnfit({ party: name, faults })
})
