package archive

import (
	"errors"
	"io"

	"github.com/nwaples/rardecode/v2"
)

// openRAR opens archives of RAR 1.5 to 7.
func openRAR(o *opening, at int64) error {
	archive, err := rardecode.NewReader(o.section(at, o.size), rardecode.MaxDictionarySize(maxWindow), rardecode.SkipCheck)
	for count := 0; err == nil; count++ {
		var h *rardecode.FileHeader
		if h, err = archive.Next(); err != nil {
			break
		}
		if h.Encrypted || h.HeaderEncrypted {
			o.encrypted(h.Name)
			continue
		}
		if h.IsDir || h.UnPackedSize == 0 {
			continue
		}
		if !h.UnKnownSize {
			if err := o.out.Expect(h.UnPackedSize); err != nil {
				return err
			}
		}
		fault, err := o.attempt(h.Name, rarReader{archive})
		if err != nil {
			return err
		}
		if fault != nil {
			return rarFault(o, fault)
		}
	}
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return rarFault(o, err)
}

// rarReader hides the library's other ways to read.
type rarReader struct{ io.Reader }

// rarFault says why an archive cannot be read on.
func rarFault(o *opening, err error) error {
	switch {
	case errors.Is(err, rardecode.ErrArchiveEncrypted), errors.Is(err, rardecode.ErrArchivedFileEncrypted):
		o.encrypted("the list of files")
		return nil
	case errors.Is(err, rardecode.ErrDictionaryTooLarge):
		return budget("%v", err)
	default:
		return malformed("%v", err)
	}
}
