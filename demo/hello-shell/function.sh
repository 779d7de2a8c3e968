# Greets, from sh; `${event#*...}` cuts the name out of {"name":"..."}.
handler() {
  event=$1
  name=${event#*\"name\":\"}
  printf '{"greeting":"Hello %s from sh"}' "${name%%\"*}"
}
