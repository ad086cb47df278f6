package clamd

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"mirrorgw/scanner"
)

// How often Run checks the daemons: now and then while all is well, since a daemon may read other databases or another
// configuration; often while something is not.
const (
	checkEvery = 5 * time.Minute
	retryEvery = 5 * time.Second
)

// checkTime bounds one check of one daemon.
const checkTime = 20 * time.Second

// State is how well the daemons serve.
type State string

// The states.
const (
	Down State = "down" // none answers
	Weak State = "weak" // one lacks something, or does not answer while another does
	OK   State = "ok"
)

// Health is what a check has found.
type Health struct {
	State  State
	Detail string // each daemon, and what it lacks, in one line
}

// Health returns what the last check has found; Down before the first one, or while asking has been given up.
func (e *Engine) Health() Health {
	e.mu.Lock()
	h := e.health
	e.mu.Unlock()
	switch {
	case h.State == "":
		return Health{Down, "not checked yet"}
	case e.breaker.open():
		h.State = Down
	}
	return h
}

// Run checks the daemons until ctx ends. It logs when their state changes.
func (e *Engine) Run(ctx context.Context) {
	for {
		pause := checkEvery
		if e.Health().State != OK {
			pause = retryEvery
		}
		if !wait(ctx, pause) {
			return
		}
		e.Check(ctx)
	}
}

// Check asks each daemon about what every clamd should know and see, and returns how they serve. It takes at most checkTime for
// each that does not answer.
func (e *Engine) Check(ctx context.Context) Health {
	e.checking.Lock()
	defer e.checking.Unlock()
	before := e.Health()
	h := Health{State: OK}
	up := 0
	var said []string
	for _, d := range e.daemons {
		lacks, err := e.checkDaemon(ctx, d)
		switch {
		case err != nil:
			h.State = Weak
			said = append(said, err.Error())
			continue
		case len(lacks) > 0:
			h.State = Weak
			said = append(said, d.name+" "+strings.Join(lacks, "; "))
		default:
			said = append(said, d.name)
		}
		up++
	}
	if ctx.Err() != nil {
		return before
	}
	if up == 0 {
		h.State = Down
	} else {
		e.breaker.succeeded()
	}
	h.Detail = strings.Join(said, "; ")
	e.mu.Lock()
	e.health = h
	e.mu.Unlock()
	switch {
	case before == h:
	case h.State == OK:
		e.log.Info("clamd is well", "detail", h.Detail)
	default:
		e.log.Warn("clamd is not well", "state", h.State, "detail", h.Detail)
	}
	return h
}

// A probe is one question of a check. want says whether the reply is the right one, lacks what the daemon lacks when it is not.
type probe struct {
	content []byte
	want    func(name string, err error) bool
	lacks   string
}

func found(name string, err error) bool { return err == nil && name != "" }
func clean(name string, err error) bool { return err == nil && name == "" }

// hindered is the right reply to a content that clamd must not call clean, for this cause.
func hindered(by scanner.Cause) func(string, error) bool {
	return func(_ string, err error) bool {
		o, ok := errors.AsType[*scanner.Obstacle](err)
		return ok && o.Cause == by
	}
}

// probes returns the questions of a check.
func probes() []probe {
	return []probe{
		{scanner.Canary(), found, "does not know the EICAR test file (are its databases there? see freshclam)"},
		{[]byte("Nothing to find here.\r\n"), clean, "finds something in a harmless line of text"},
		{nestedZip(), hindered(scanner.CauseBudget), "says OK beyond its limits (in clamd.conf: AlertExceedsMax yes)"},
		{encryptedZip(), hindered(scanner.CauseEncrypted), "says OK of what is encrypted (in clamd.conf: AlertEncrypted yes)"},
	}
}

// checkDaemon returns what d lacks. Errors: it does not answer.
func (e *Engine) checkDaemon(ctx context.Context, d daemon) (lacks []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	buf := new(buffer)
	for _, p := range probes() {
		conn, err := e.dial(ctx, d)
		if err != nil {
			return nil, err
		}
		reply, err := stream(ctx, conn, bytes.NewReader(p.content), buf)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.name, err)
		}
		if name, err := readReply(reply); !p.want(name, err) {
			if _, obstacle := errors.AsType[*scanner.Obstacle](err); err != nil && !obstacle {
				return nil, fmt.Errorf("%s: %w", d.name, err)
			}
			lacks = append(lacks, p.lacks)
		}
	}
	if e.message > 0 {
		conn, err := e.dial(ctx, d)
		if err != nil {
			return nil, err
		}
		if tooLong(ctx, conn, e.message) {
			lacks = append(lacks, fmt.Sprintf("refuses mails that scan.limits.message allows (in clamd.conf: StreamMaxLength %dM, and MaxFileSize as much)", (e.message+1<<20-1)>>20))
		}
	}
	return slices.Clip(lacks), nil
}

// tooLong announces a chunk of n octets over conn, which it closes, and says whether the daemon refuses it. The daemon looks at
// the length before the chunk is there, and at the end of the connection behind it when it would take it.
func tooLong(ctx context.Context, conn net.Conn, n int64) bool {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return false
	}
	announced := binary.BigEndian.AppendUint32([]byte(command), uint32(min(n, 1<<31-1)))
	if _, err := conn.Write(announced); err != nil {
		return false
	}
	if err := half.CloseWrite(); err != nil {
		return false
	}
	reply, err := io.ReadAll(io.LimitReader(conn, maxReply))
	if err != nil && len(reply) == 0 {
		return false
	}
	_, err = readReply(string(reply))
	return errors.Is(err, errStreamTooLong)
}
