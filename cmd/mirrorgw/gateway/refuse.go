package gateway

import (
	"context"
	"net"

	"mirrorgw/forwarder/pop3"
	"mirrorgw/stack"
)

// RefuseFlow implements stack.Handler.
func (m *Mirror) RefuseFlow(_ context.Context, client net.Conn, why stack.Refusal) {
	reason := "not available for the moment, try again later"
	switch why {
	case stack.TooMany:
		reason = "too many sessions at the gateway, try again later"
	case stack.TooManyOfClient:
		reason = "too many sessions from your address, try again later"
	case stack.TooFast:
		reason = "too many new sessions from your address, try again later"
	case stack.NotNow:
	}
	pop3.Refuse(client, reason)
}
