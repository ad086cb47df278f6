package gateway

import "testing"

func TestSnakeCase(t *testing.T) {
	for name, want := range map[string]string{
		"ICMPErrorsSent": "icmp_errors_sent", "PuntedOwnBytes": "punted_own_bytes", "Active": "active", "TopFields": "top_fields", "RefusedDraining": "refused_draining",
	} {
		if got := snakeCase(name); got != want {
			t.Errorf("%s: %s, not %s", name, got, want)
		}
	}
}

func TestFiguresAreAllThere(t *testing.T) {
	got := figures(struct {
		Sent   uint64
		Active int64
		ByName map[string]uint64
	}{3, -1, nil})
	if len(got) != 2 || got["sent"] != 3 || got["active"] != 0 {
		t.Errorf("%v", got)
	}
}
