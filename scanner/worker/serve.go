package worker

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Servant answers requests in a worker.
//
// Answer borrows request until the next call, and owns file, which is nil where none came. It returns 1 to MaxAnswer octets that
// stay as they are until the next call.
type Servant interface {
	Answer(request []byte, file *os.File) []byte
}

// Serve says hello to the gateway at the other end of conn, a socket in blocking mode, and has s answer its requests until it goes.
//
// Errors: what is wrong with conn; a request that no gateway sends.
func Serve(conn *os.File, hello string, s Servant) error {
	fd := int(conn.Fd())
	if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_SEQPACKET {
		return errors.New("a worker is started by the gateway, which is at the other end of its standard input")
	}
	if _, err := conn.Write([]byte(hello)); err != nil {
		return fmt.Errorf("saying hello: %w", err)
	}
	request, rights := make([]byte, MaxRequest), make([]byte, unix.CmsgSpace(4))
	for {
		n, oob, flags, _, err := unix.Recvmsg(fd, request, rights, unix.MSG_CMSG_CLOEXEC)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("waiting for a request: %w", err)
		case n == 0:
			return nil
		case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
			return errors.New("a request is longer than any")
		}
		file, err := fileOf(rights[:oob])
		if err != nil {
			return err
		}
		if _, err := conn.Write(s.Answer(request[:n], file)); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
	}
}

// cannotServe begins the hello of a worker that ends at once.
const cannotServe = "!"

// Refuse tells the gateway, in the place of a hello, why this process cannot be a worker.
func Refuse(conn *os.File, err error) {
	_, _ = conn.WriteString(cannotServe + err.Error()) // there is nobody else to tell
}

// fileOf returns the file that came with a request, nil where none did.
func fileOf(rights []byte) (*os.File, error) {
	if len(rights) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("what came beside a request: %d messages, %w", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("what came beside a request: %d files, %w", len(fds), err)
	}
	return os.NewFile(uintptr(fds[0]), "content"), nil
}
