/** Files that have a party started, and started again, by a service manager: a systemd unit or a compose file each. Pure. */

export const serviceFormats = ["systemd", "compose"] as const
export type ServiceFormat = (typeof serviceFormats)[number]

export interface ServiceOptions {
  readonly run: string
  readonly parties: ReadonlyArray<{ readonly actor: string; readonly name: string }>
  /** The inviter's fingerprint, which the inviter knows for its own. */
  readonly inviter: string
}

/** Started again when it was killed or broke down; a party that told an error would tell it again. */
const toldStatus = 1

const systemdUnit = (actor: string, name: string, { inviter, run }: ServiceOptions): string =>
  `# ${name} in the run ${run}. Put this file into /etc/systemd/system, and ${actor}.invitation and the party's data files
# into /var/lib/bicameral-${actor}, readable by root alone: systemd gives them to the service's user.
[Unit]
Description=bicameral: ${name} in the run ${run}
Wants=network-online.target
After=network-online.target

[Service]
DynamicUser=yes
StateDirectory=bicameral-${actor}
StateDirectoryMode=0700
WorkingDirectory=%S/bicameral-${actor}
UMask=0077
ExecStart=/usr/bin/env bicameral join ${actor}.invitation --inviter ${inviter}
Restart=on-failure
RestartPreventExitStatus=${toldStatus}
RestartSec=2
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
`

const composeFile = (actor: string, name: string, { inviter, run }: ServiceOptions): string =>
  `# ${name} in the run ${run}. Beside this file lie ${actor}.invitation and the party's data files; BICAMERAL is the folder of
# the program (a clone after npm ci), UID and GID the owner of this folder.
services:
  ${actor}:
    image: node:20-bookworm-slim
    user: "\${UID:?the owner of this folder}:\${GID:?the group of this folder}"
    working_dir: /party
    volumes:
      - "./:/party"
      - "\${BICAMERAL:?the folder of the program}:/bicameral:ro"
    command:
      ["node", "/bicameral/dist/program/main.js", "join", "${actor}.invitation", "--inviter", "${inviter}"]
    restart: "on-failure:5"
    read_only: true
    tmpfs: ["/tmp"]
    cap_drop: ["ALL"]
    security_opt: ["no-new-privileges:true"]
`

/** A file for each party. */
export const serviceFiles = (
  format: ServiceFormat,
  options: ServiceOptions
): ReadonlyArray<{ readonly name: string; readonly content: string }> =>
  options.parties.map(({ actor, name }) =>
    format === "systemd"
      ? { name: `bicameral-${actor}.service`, content: systemdUnit(actor, name, options) }
      : { name: `${actor}.compose.yaml`, content: composeFile(actor, name, options) }
  )
