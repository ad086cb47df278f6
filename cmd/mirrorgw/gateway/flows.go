package gateway

import (
	"cmp"
	"slices"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/forwarder/pop3"
)

// flowsOf returns the sessions of the relays of rules, the longest waiting first.
func flowsOf(rules []config.Rule, relays []*pop3.Relay) []control.Flow {
	flows := []control.Flow{} // not null in JSON
	for i, relay := range relays {
		for _, s := range relay.Running(control.MaxFlows - len(flows)) {
			flows = append(flows, control.Flow{
				Protocol: string(rules[i].Protocol), Client: s.Client.String(), Server: s.Server.String(), User: s.User,
				State: s.State.String(), Message: s.Message, Dripping: s.Dripping,
				Age: int64(s.Age / time.Second), Waiting: int64(s.Busy / time.Second),
				FromServer: s.FromServer, ToClient: s.ToClient, Verdict: s.Verdict, Action: s.Action,
			})
		}
	}
	slices.SortFunc(flows, func(a, b control.Flow) int {
		return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(a.Client, b.Client))
	})
	return flows
}
