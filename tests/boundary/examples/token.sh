# sh token.sh TOKEN URL: the first token is refused and the second taken; neither is fetched more than once, though the
# connection is cut on the way.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
printf '%s\n' expired good never >tokens
cat >next <<-'END'
	head -n 1 tokens
	tail -n +2 tokens >rest
	mv rest tokens
END
"$1" "sh ./next" "$2" >events
cat events
printf 'message: event %d\n' 1 2 3 4 | cmp - events
echo never | cmp - tokens
