package scanner

import (
	"bytes"
	"context"
)

// Edit is a run of octets of a mail and what takes its place.
type Edit struct {
	At, End int64   // in the mail: the first octet, and the one behind the last
	Text    *Buffer // it begins where a line does; at the end of a mail it ends in CRLF
}

// Rewriter changes mails that are delivered. scanner/neutral is one.
//
// Rewrite borrows mail until it returns, soon after ctx has ended. The edits are in the order in which they stand in the mail, and none
// overlaps another; their texts are the caller's. What cannot be changed is left as it is: a Rewriter never keeps a mail from being
// delivered.
type Rewriter interface {
	Rewrite(ctx context.Context, mail *Buffer) []Edit
}

// rewrite has a mail changed that is to be delivered, or tagged.
func (j *Judge) rewrite(ctx context.Context, r *Ruling, mail *Buffer, complete bool) {
	if j.rewriter == nil || !complete || r.Action != Deliver && r.Action != Tag {
		return
	}
	r.Edits = j.rewriter.Rewrite(ctx, mail)
	if len(r.Edits) > 0 {
		j.counted.rewritten.Add(1)
	}
}

// rewriteRest changes the rest of a mail, which is in b too, as one that is delivered. What it returns has its capacity in memory taken from
// the quota in place of that of rest. Errors: errNoRoom; those of the texts. With an error rest is returned, as it was.
func (j *Judge) rewriteRest(ctx context.Context, rest []byte, b *Buffer) ([]byte, error) {
	edits := j.rewriter.Rewrite(ctx, b)
	defer closeEdits(edits)
	if len(edits) == 0 {
		return rest, nil
	}
	size := int64(len(rest))
	for _, e := range edits {
		size += e.Text.Size() - (e.End - e.At)
	}
	if size > maxTrimmed || !j.scanner.spool.Quota.mayTakeMemory(size) {
		j.counted.noRoom.Add(1)
		return rest, errNoRoom
	}
	changed := bytes.NewBuffer(make([]byte, 0, size))
	at := int64(0)
	for _, e := range edits {
		changed.Write(rest[at:e.At])
		at = e.End
		if _, err := e.Text.WriteTo(changed); err != nil {
			j.scanner.spool.Quota.give(size, 0)
			return rest, err
		}
	}
	changed.Write(rest[at:])
	j.freeRest(rest)
	j.counted.rewritten.Add(1)
	return changed.Bytes(), nil
}

// closeEdits gives the texts of edits back.
func closeEdits(edits []Edit) {
	for _, e := range edits {
		e.Text.Close()
	}
}
