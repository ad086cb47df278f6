package service

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

func TestNotifyReachesAnAbstractSocket(t *testing.T) {
	name := "@mirrorgw-test-" + filepath.Base(t.TempDir()) + "-" + strconv.Itoa(os.Getpid())
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	if err := notify(notifyReady); err != nil {
		t.Fatal(err)
	}
	manager.SetReadDeadline(time.Now().Add(20 * time.Second)) // an error shows in the reading
	got := make([]byte, 64)
	if n, err := manager.Read(got); err != nil || string(got[:n]) != notifyReady {
		t.Errorf("got %q, %v", got[:n], err)
	}
}
