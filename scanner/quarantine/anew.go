package quarantine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"mirrorgw/scanner"
)

// Infected judges with sc what is in quarantine, each mail held in a buffer of spool, and returns the hashes of what is infected now, as
// Hunt takes them. What was released is left out: who has that, has it by somebody's decision.
//
// Errors: ctx's when it has ended; what could not be read or judged, with the hashes of the others.
func (f Folder) Infected(ctx context.Context, sc *scanner.Scanner, spool scanner.Spool) (map[string]bool, error) {
	items, err := f.List() // with an error, those that can be read
	sums := make(map[string]bool)
	wrong := []error{err}
	for _, item := range items {
		if item.Release != NotReleased {
			continue
		}
		infected, err := f.infectedNow(ctx, item.ID, sc, spool)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil && !errors.Is(err, ErrNotFound) { // deleted since
			wrong = append(wrong, err)
		}
		if infected {
			sums[item.SHA256] = true
		}
	}
	return sums, errors.Join(wrong...)
}

func (f Folder) infectedNow(ctx context.Context, id string, sc *scanner.Scanner, spool scanner.Spool) (bool, error) {
	mail, err := f.Export(id)
	if err != nil {
		return false, err
	}
	defer mail.Close()
	buffer := spool.NewBuffer()
	defer buffer.Close()
	if _, err := io.Copy(buffer, mail); err != nil {
		return false, fmt.Errorf("quarantine item %s: %w", id, err)
	}
	return sc.Scan(ctx, buffer, true).Class == scanner.Infected, nil
}
