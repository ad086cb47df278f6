package clamd

import (
	"errors"
	"fmt"
	"strings"

	"mirrorgw/scanner"
)

// maxReply bounds one reply, in octets.
const maxReply = 4 << 10

// errStreamTooLong is the reply to a stream longer than StreamMaxLength.
var errStreamTooLong = errors.New("the part is longer than its StreamMaxLength")

// verdict is readReply for a question about a part, which may be longer than the daemon takes.
func verdict(reply string) (name string, err error) {
	name, err = readReply(reply)
	if errors.Is(err, errStreamTooLong) {
		err = &scanner.Obstacle{Cause: scanner.CauseOversize, Detail: err.Error()}
	}
	return name, err
}

// readReply says what a reply means: no name, nothing was found; a name, that is what was.
//
// Errors: *scanner.Obstacle for what lies in the part; otherwise the reply is no verdict.
func readReply(reply string) (name string, err error) {
	text, whole := strings.CutSuffix(reply, "\x00")
	if !whole || strings.ContainsRune(text, 0) {
		return "", unexpected(reply)
	}
	switch text {
	case "stream: OK":
		return "", nil
	case "INSTREAM size limit exceeded. ERROR":
		return "", errStreamTooLong
	}
	name, ok := strings.CutPrefix(text, "stream: ")
	if !ok {
		return "", unexpected(reply)
	}
	name, ok = strings.CutSuffix(name, " FOUND")
	if !ok || name == "" {
		return "", unexpected(reply)
	}
	if before, _, extended := strings.Cut(name, "("); extended && strings.HasSuffix(name, ")") && before != "" { // ExtendedDetectionInfo
		name = before
	}
	switch {
	case strings.HasPrefix(name, "Heuristics.Encrypted."):
		return "", &scanner.Obstacle{Cause: scanner.CauseEncrypted, Detail: name}
	case strings.HasPrefix(name, "Heuristics.Limits.Exceeded"):
		return "", &scanner.Obstacle{Cause: scanner.CauseBudget, Detail: name}
	}
	return name, nil
}

// unexpected is the error for a reply that is no verdict.
func unexpected(reply string) error {
	if reply == "" {
		return errors.New("it closed the connection without a reply")
	}
	return fmt.Errorf("it replied %q", reply[:min(len(reply), 100)])
}
