package forwarder

import "testing"

// A neighbour that says it is at our MAC would have us send to ourselves.
func TestNobodyElseHasOurMAC(t *testing.T) {
	g := newGateway(t, testConfig())
	for name, message := range map[string][]byte{
		"ARP": answerARP(client4, gatewayMAC), "neighbour discovery": answerND(client6, gatewayMAC),
	} {
		copy(message[virtioLen+6:], clientMAC[:]) // the frame itself is another's
		if fate, reason := g.outcome(message); fate != drop || reason != SourceOwn {
			t.Errorf("%s: %v, %v", name, fate, reason)
		}
	}
}
