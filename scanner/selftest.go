package scanner

import (
	"context"
	"fmt"
	"strings"
)

// Canary returns the EICAR test file, which every engine knows and which harms nobody. The tildes keep it out of this source
// and out of the program, so that neither is taken for the test file by whoever scans them.
func Canary() []byte {
	return []byte(strings.ReplaceAll(`X5O!P~%@AP[4\PZX54(P^)~7CC)7}$EICAR~-STANDARD-ANTI~VIRUS-TEST-FILE!~$H+H*`, "~", ""))
}

// SelfTest asks engine about a part that holds the EICAR test file and about a harmless one. It returns nil when the engine
// finds something in the first and nothing in the second: an engine that answers, but not rightly, is worse than none.
func SelfTest(ctx context.Context, engine Engine) error {
	found, err := scanBytes(ctx, engine, "canary.com", Canary())
	if err != nil {
		return fmt.Errorf("self-test of engine %s: %w", engine.Name(), err)
	}
	if len(found) == 0 {
		return fmt.Errorf("self-test of engine %s: it does not find the EICAR test file", engine.Name())
	}
	found, err = scanBytes(ctx, engine, "harmless.txt", []byte("Nothing to find here.\r\n"))
	if err != nil {
		return fmt.Errorf("self-test of engine %s: %w", engine.Name(), err)
	}
	if len(found) > 0 {
		return fmt.Errorf("self-test of engine %s: rule %s matches a harmless line of text", engine.Name(), found[0].Rule)
	}
	return nil
}

// scanBytes asks engine about content.
func scanBytes(ctx context.Context, engine Engine, name string, content []byte) (Findings, error) {
	b := Spool{}.NewBuffer()
	defer b.Close()
	if _, err := b.Write(content); err != nil {
		return nil, err
	}
	return engine.Scan(ctx, NewPart("1", name, "application/octet-stream", b))
}
