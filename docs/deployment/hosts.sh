#!/bin/sh
# The deployment of docs/how-to/deploy.md on one machine, each host a network namespace: the KGC with the hub, two clouds of
# two hosts and a broker each, three users. All links use TLS, with a one-way delay of 0.2 ms within a site and 40 ms between
# sites. Runs three-hospitals for one epoch and compares the model with that of a local run without namespaces.
#
#   sudo docs/deployment/hosts.sh [FOLDER]      in the project's folder, after npm ci and npm run build
#
# FOLDER (out/hosts) is new or empty: nothing is removed to make room.
#
# Needs Linux, ip, openssl and nats-server. The delay is tc's netem or, if the kernel has none, bench/link.ts, a process for
# each link that passes on bytes after the delay. All namespaces are named bic-…; they and their processes end with the script.
set -eu

LAN_MS=0.2
WAN_MS=40
out=${1:-out/hosts}
project=$(pwd)
program="node $project/dist/program/main.js"
server=$(command -v nats-server || echo "$project/node_modules/.cache/bicameral/nats-server")
hosts="kgc c0a c0b c1a c1b u1 u2 u3"

if [ -e "$out" ] && [ -n "$(ls -A "$out")" ]; then
  echo "$out is not empty; remove it or name another folder" >&2
  exit 1
fi
mkdir -p "$out"
mkdir -m 700 "$out/secrets"
out=$(cd "$out" && pwd)
secrets=$out/secrets
started=""

finish() {
  status=$?
  trap - EXIT INT TERM
  for pid in $started; do kill "$pid" 2>/dev/null || true; done
  wait
  for each in $hosts wan; do ip netns delete "bic-$each" 2>/dev/null || true; done
  rm -rf "$secrets"
  exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

# start NAME HOST COMMAND…: starts a command in the host's namespace, with its output to NAME.out and NAME.err.
start() {
  name=$1 host=$2
  shift 2
  ip netns exec "bic-$host" "$@" >"$out/$name.out" 2>"$out/$name.err" </dev/null &
  started="$! $started"
}

# await NAME FILE WORDS: waits until the file contains the words.
await() {
  for _ in $(seq 600); do
    grep -q "$3" "$out/$2" 2>/dev/null && return
    sleep 0.1
  done
  echo "$1 is not ready; see $out/$2" >&2
  tail -5 "$out/$1.err" >&2 || true
  exit 1
}

# --- Hosts: a namespace each, connected to a router; hosts of one site are also connected to each other.

for each in $hosts wan; do
  ip netns add "bic-$each"
  ip -n "bic-$each" link set lo up
done
ip netns exec bic-wan sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'

netem=yes
ip -n bic-wan link add probe type veth peer name probed
tc -n bic-wan qdisc add dev probe root netem delay 1ms 2>/dev/null || netem=no
ip -n bic-wan link delete probe

# slow HOST DEVICE MS: delays everything that leaves by the device.
slow() {
  [ $netem = no ] || tc -n "bic-$1" qdisc add dev "$2" root netem delay "$3ms" limit 1000000
}

half=$(echo "$WAN_MS" | awk '{ print $1 / 2 }')
number=0
for host in kgc c0a c1a u1 u2 u3; do
  number=$((number + 1))
  ip link add wan netns "bic-$host" type veth peer name "to-$host" netns bic-wan
  ip -n "bic-$host" address add "10.77.$number.2/24" dev wan
  ip -n bic-wan address add "10.77.$number.1/24" dev "to-$host"
  ip -n "bic-$host" link set wan up
  ip -n bic-wan link set "to-$host" up
  ip -n "bic-$host" route add default via "10.77.$number.1"
  slow "$host" wan "$half"
  slow wan "to-$host" "$half"
done
for cloud in 0 1; do
  ip link add lan netns "bic-c${cloud}a" type veth peer name lan netns "bic-c${cloud}b"
  for host in a b; do
    address=$([ $host = a ] && echo 1 || echo 2)
    ip -n "bic-c$cloud$host" address add "10.78.$cloud.$address/24" dev lan
    ip -n "bic-c$cloud$host" link set lan up
    slow "c$cloud$host" lan $LAN_MS
  done
done

# via HOST ADDRESS PORT MS: sets `reached`, the address by which a host reaches another; a link.ts if the kernel has no netem.
via() {
  reached=$2:$3
  [ $netem = no ] || return 0
  start "link-$1-$3" "$1" node "$project/dist/bench/link.js" "127.0.0.1:$3" "$2:$3" "$4"
  await "link-$1-$3" "link-$1-$3.out" "one way"
  reached=127.0.0.1:$3
}

# --- Certificates: an authority, and one for each broker.

key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
openssl req -x509 $key -keyout "$secrets/ca.key" -out "$secrets/ca.pem" -days 2 -subj "/CN=trial" 2>/dev/null
# certify NAME ADDRESS…: makes a certificate for these addresses, and for the loopback, where links listen.
certify() {
  name=$1
  shift
  openssl req $key -keyout "$secrets/$name.key" -out "$secrets/$name.csr" -subj "/CN=$name" 2>/dev/null
  names=IP:127.0.0.1
  for address in "$@"; do names=$names,IP:$address; done
  echo "subjectAltName=$names" >"$secrets/$name.ext"
  openssl x509 -req -in "$secrets/$name.csr" -CA "$secrets/ca.pem" -CAkey "$secrets/ca.key" -CAcreateserial \
    -days 2 -extfile "$secrets/$name.ext" -out "$secrets/$name.pem" 2>/dev/null
}
certify hub 10.77.1.2
certify cloud0 10.77.2.2 10.78.0.1
certify cloud1 10.77.3.2 10.78.1.1

# --- Identities: one for each party, in a file of its own. Nothing secret is an argument of a command, where every user of a
# host could read it.

parties="kgc cloud0 cloud1 director"
for role in $parties user1 user2 user3; do
  options=""
  case $role in cloud?) options="--nkey $secrets/$role.seed" ;; esac
  $program identity "$secrets/$role.identity" $options | head -1 >"$out/$role.public"
done

# --- The scenario: three-hospitals, for one epoch, with the identities of all parties.

scenario=$out/scenario.yaml
mkdir "$out/data"
cp -r scenarios/data/three-hospitals "$out/data"
sed -e 's/epochs: .*/epochs: 1/' -e '/^expect:/,$d' \
  -e '/^placement:/,/usersLeave/d' scenarios/three-hospitals.yaml >"$scenario.draft"
user=0
while IFS= read -r line; do
  echo "$line"
  case $line in "  - name: "*)
    user=$((user + 1))
    echo "    identity: $(cat "$out/user$user.public")"
    ;;
  esac
done <"$scenario.draft" >"$scenario"
echo "parties:" >>"$scenario"
for role in $parties; do echo "  $role: $(cat "$out/$role.public")" >>"$scenario"; done
rm "$scenario.draft"

# --- Brokers: the hub with the KGC, and one with each cloud, connected to the hub. They know the parties' public NKEYs.

$program nkeys "$scenario" >"$out/broker.env"
set -a
. "$out/broker.env"
set +a
broker() {
  name=$1 host=$2
  shift 2
  start "broker-$name" "$host" env BROKER_LISTEN=0.0.0.0:4222 BROKER_CERTIFICATE="$secrets/$name.pem" BROKER_KEY="$secrets/$name.key" \
    HUB_CA="$secrets/ca.pem" "$@"
}
broker hub kgc HUB_LEAF_LISTEN=0.0.0.0:7422 "$server" -c docs/deployment/hub.conf
await broker-hub broker-hub.err "Server is ready"
for cloud in 0 1; do
  via "c${cloud}a" 10.77.1.2 7422 $WAN_MS
  # For this broker alone; `env` would show it to the host's users.
  export "CLOUD${cloud}_SEED=$(cat "$secrets/cloud$cloud.seed")"
  broker "cloud$cloud" "c${cloud}a" "CLOUD${cloud}_HUB=tls://$reached" "$server" -c "docs/deployment/cloud$cloud.conf"
  unset "CLOUD${cloud}_SEED"
  await "broker-cloud$cloud" "broker-cloud$cloud.err" "Leafnode connection created"
done

# --- Parties. Each gets the address of its own broker, its own identity, and a folder of its own.

# party NAME HOST BROKER OPTIONS…
party() {
  name=$1 host=$2 broker=$3
  shift 3
  role=${name%%-*}
  start "$name" "$host" env NATS_URL="tls://$broker" NATS_CA="$secrets/ca.pem" \
    $program actor "$role" --run trial-1 --identity "$secrets/$role.identity" --state "$out/$name" "$@"
}
party kgc kgc 127.0.0.1:4222 --scenario "$scenario"
for cloud in 0 1; do
  party "cloud$cloud" "c${cloud}a" "10.78.$cloud.1:4222" --scenario "$scenario"
done
for user in 1 2 3; do
  via "u$user" 10.77.1.2 4222 $WAN_MS
  party "user$user" "u$user" "$reached" --scenario "$scenario"
done
for name in kgc cloud0 cloud1 user1 user2 user3; do await $name $name.out ready; done
# The second hosts of the clouds: a worker and a lane each.
for cloud in 0 1; do
  via "c${cloud}b" "10.78.$cloud.1" 4222 $LAN_MS
  party "cloud$cloud-worker" "c${cloud}b" "$reached" --worker
  party "cloud$cloud-lane" "c${cloud}b" "$reached" --lane
done

echo "running over $(ip netns list | grep -c '^bic-') namespaces, delays by $([ $netem = yes ] && echo netem || echo bench/link.ts)"
begun=$(date +%s)
party director kgc 127.0.0.1:4222 --scenario "$scenario"
wait "${started%% *}" || { cat "$out/director.err" >&2; exit 1; }
echo "done in $(($(date +%s) - begun)) s"

# --- The same run on this machine alone, and the comparison of the models.

$program run "$scenario" --out "$out/local" >"$out/local.out"
cmp "$out/user1/model.json" "$out/local/model.json"
for user in 2 3; do cmp "$out/user$user/model.json" "$out/local/model.json"; done
echo "the model of all three users is that of the local run, byte for byte"
