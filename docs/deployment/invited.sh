#!/bin/sh
# Seven parties in seven network namespaces, each invited and started by one command from its own file, over a broker with TLS:
# what docs/how-to/deploy.md describes under "Invite and join", on one machine. Runs three-hospitals for one epoch, examines each
# site before, and compares the model with that of a local run without namespaces.
#
#   sudo docs/deployment/invited.sh [FOLDER]      in the project's folder, after npm ci
#
# FOLDER (out/invited) is new or empty: nothing is removed to make room. Needs Linux, ip, openssl and nats-server. All
# namespaces are named bici-…; they and their processes end with the script.
set -eu

out=${1:-out/invited}
project=$(pwd)
program="node $project/dist/program/main.js"
server=$(command -v nats-server || echo "$project/node_modules/.cache/bicameral/nats-server")
parties="kgc cloud0 cloud1 director user1 user2 user3"
run=invited-1

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
  for each in $parties net; do ip netns delete "bici-$each" 2>/dev/null || true; done
  rm -rf "$secrets"
  exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

# --- Hosts: a namespace each, connected to a router. The broker stands with the KGC, at 10.79.1.2.

for each in $parties net; do
  ip netns add "bici-$each"
  ip -n "bici-$each" link set lo up
done
ip netns exec bici-net sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
number=0
for host in $parties; do
  number=$((number + 1))
  ip link add net netns "bici-$host" type veth peer name "to-$host" netns bici-net
  ip -n "bici-$host" address add "10.79.$number.2/24" dev net
  ip -n bici-net address add "10.79.$number.1/24" dev "to-$host"
  ip -n "bici-$host" link set net up
  ip -n bici-net link set "to-$host" up
  ip -n "bici-$host" route add default via "10.79.$number.1"
done

# --- An authority, and the broker's certificate.

key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
openssl req -x509 $key -keyout "$secrets/ca.key" -out "$secrets/ca.pem" -days 30 -subj "/CN=trial" 2>/dev/null
openssl req $key -keyout "$secrets/broker.key" -out "$secrets/broker.csr" -subj "/CN=broker" 2>/dev/null
echo "subjectAltName=IP:10.79.1.2" >"$secrets/broker.ext"
openssl x509 -req -in "$secrets/broker.csr" -CA "$secrets/ca.pem" -CAkey "$secrets/ca.key" -CAcreateserial \
  -days 30 -extfile "$secrets/broker.ext" -out "$secrets/broker.pem" 2>/dev/null

# --- The inviter: the scenario, and an invitation for each party. Each is carried to its party's folder, with its data.

scenario=$out/study.yaml
sed -e 's/epochs: .*/epochs: 1/' -e '/^expect:/,$d' -e '/^placement:/,/usersLeave/d' scenarios/three-hospitals.yaml >"$scenario"
mkdir "$out/data"
cp -r scenarios/data/three-hospitals "$out/data"
invited=$out/invitations
invite() { $program invite "$scenario" --out "$invited" "$@"; }
fingerprint() { grep -oE '([0-9a-f]{4} ){7}[0-9a-f]{4}' | tail -1 | tr ' ' -; }
carry() { for party in $parties; do cp "$invited/$party.invitation" "$out/$party/$party.invitation"; done; }

inviter=$(invite --broker tls://10.79.1.2:4222 --ca "$secrets/ca.pem" --run $run | fingerprint)
for party in $parties; do mkdir -p "$out/$party/data/three-hospitals"; done
user=0
for file in $(grep -oE 'data/three-hospitals/[a-z-]+\.csv' "$scenario"); do
  user=$((user + 1))
  cp "$out/$file" "$out/user$user/$file"
done
carry

# --- Each party replies; its owner reads the fingerprint to the inviter.

fingerprints=""
replies=""
for party in $parties; do
  own=$(ip netns exec "bici-$party" $program join "$out/$party/$party.invitation" --inviter "$inviter" | fingerprint)
  fingerprints=$fingerprints,$own
  replies="$replies $out/$party/$party.reply"
done
# Words are meant to be split here.
invite --fingerprints "${fingerprints#,}" --accept $replies >"$out/invited.txt"
carry

# --- The broker, with the keys of all parties.

(
  set -a
  . "$invited/broker.env"
  exec ip netns exec bici-kgc env BROKER_LISTEN=10.79.1.2:4222 BROKER_CERTIFICATE="$secrets/broker.pem" \
    BROKER_KEY="$secrets/broker.key" "$server" -c nats-tls.conf
) >"$out/broker.out" 2>&1 </dev/null &
started=$!
for _ in $(seq 100); do
  grep -q "Server is ready" "$out/broker.out" && break
  sleep 0.1
done

# --- Each site is examined, then each party started by one command; the director last.

for party in $parties; do
  ip netns exec "bici-$party" $program doctor "$out/$party/$party.invitation" --wait 0 >"$out/$party/doctor.txt" ||
    { cat "$out/$party/doctor.txt"; exit 1; }
done
echo "doctor finds nothing wrong at $(echo $parties | wc -w) sites"
begun=$(date +%s)
joined=""
for party in kgc cloud0 cloud1 user1 user2 user3 director; do
  ip netns exec "bici-$party" $program join "$out/$party/$party.invitation" >"$out/$party/join.txt" 2>&1 </dev/null &
  last=$!
  joined="$joined $last"
  started="$started $last"
done
wait "$last" || { tail -3 "$out"/*/join.txt >&2; exit 1; }
for pid in $joined; do [ "$pid" = "$last" ] || wait "$pid"; done
echo "seven parties in seven namespaces over TLS: done in $(($(date +%s) - begun)) s"

# --- The same run on this machine alone, and the comparison of the models.

$program run "$scenario" --out "$out/local" >"$out/local.txt"
for user in 1 2 3; do cmp "$out/user$user/user$user.runs/$run/model.json" "$out/local/model.json"; done
echo "the model of all three users is that of the local run, byte for byte"
