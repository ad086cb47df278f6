package worker

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Servant answers requests in a worker.
//
// Answer borrows request until it returns, and owns file, which is nil where none came. It returns 1 to MaxAnswer octets that
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
	requests, rights := make([]byte, requestMessage), make([]byte, unix.CmsgSpace(4))
	var answers []byte
	for {
		n, oob, flags, _, err := unix.Recvmsg(fd, requests, rights, unix.MSG_CMSG_CLOEXEC)
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
		if answers, err = answer(answers[:0], requests[:n], file, s); err != nil {
			return err
		}
		if _, err := conn.Write(answers); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
	}
}

// inCompany is how long a worker goes on with the questions of a message: who is in it does not wait for others that take long.
const inCompany = 100 * time.Millisecond

// answer appends to answers those to the first of requests, one at least and all if there is time and room. Errors: requests that no
// gateway sends.
func answer(answers, requests []byte, file *os.File, s Servant) ([]byte, error) {
	began := time.Now()
	for len(requests) > 0 {
		request, rest, ok := cutOne(requests)
		if !ok {
			return nil, errors.New("a message that is none of requests")
		}
		if len(answers) > 0 && time.Since(began) > inCompany {
			break
		}
		one := s.Answer(request, file)
		if len(answers) > 0 && len(answers)+len(one) > MaxAnswer {
			break
		}
		answers, requests, file = appendOne(answers, one), rest, nil
	}
	return answers, nil
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
