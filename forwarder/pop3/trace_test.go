package pop3

import (
	"io"
	"testing"

	"mirrorgw/scanner"
)

// inkless is a trace of nothing.
type inkless struct{ scanner.Trace }

// The judge gets the trace of the flow with each mail.
func TestTraceIsHandedOn(t *testing.T) {
	c := &clerk{}
	relay, err := New(Config{Judge: c})
	if err != nil {
		t.Fatal(err)
	}
	client, forClient := tcpPair(t)
	forServer, server := tcpPair(t)
	trace := &inkless{}
	result := make(chan error, 1)
	go func() { result <- relay.Serve(t.Context(), forClient, forServer, trace) }() // ends with the session
	if err := dialogue(client, server, "S+OK ready\r\n", "CRETR 1\r\n"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(server, "+OK\r\nSubject: x\r\n\r\ny\r\n.\r\n")
	_ = server.CloseWrite()
	_, _ = io.ReadAll(client)
	client.Close()
	server.Close()
	<-result
	if len(c.seen) != 1 || c.seen[0].origin.Trace != trace {
		t.Errorf("the judge has seen %+v", c.seen)
	}
}
