#!/usr/bin/env bash
# A picture from a caption, and a caption from a picture, with curl.
#
#   ./client.sh paint 'a red circle' circle.png [SEED]
#   ./client.sh caption circle.png
#
# The server stands in $SERVER (http://127.0.0.1:8501). Needs bash, curl, jq and base64.
set -euo pipefail
server=${SERVER:-http://127.0.0.1:8501}

# predict MODEL < request: the answer, or the reason of server or model on standard error and
# status 1.
predict() {
  local answer reason
  answer=$(curl --silent --show-error --max-time 60 -H 'Content-Type: application/json' \
    --data-binary @- "$server/v1/models/$1:predict")
  reason=$(jq -r '.error // .outputs.error[0]? // ""' <<<"$answer")
  if [ -n "$reason" ]; then
    echo "$reason" >&2
    return 1
  fi
  printf '%s' "$answer"
}

case ${1:-} in
  paint)
    jq -n --arg text "$2" --argjson seed "${4:-0}" \
      '{signature_name: "generate", inputs: {text: [$text], seed: [$seed], truncation: [1.0]}}' |
      predict generator | jq -r '.outputs.image_bytes[0].b64' | base64 -d >"$3"
    echo "$3"
    ;;
  caption)
    base64 -w 0 "$2" | jq -R '{inputs: {image_bytes: [{b64: .}]}}' |
      predict captioner | jq -r '.outputs.caption[0]'
    ;;
  *)
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
