package pop3_test

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"mirrorgw/forwarder/pop3"
)

func TestRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, gateway := net.Pipe()
		go pop3.Refuse(gateway, "too many sessions, try again later") // ends with the greeting
		got, err := io.ReadAll(client)
		if string(got) != "-ERR [SYS/TEMP] too many sessions, try again later\r\n" || err != nil {
			t.Errorf("%q, %v", got, err)
		}

		_, gateway = net.Pipe() // a client that takes nothing
		begun := time.Now()
		pop3.Refuse(gateway, "x")
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
