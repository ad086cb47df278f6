package quarantine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// Names inside the folder, see the package documentation.
const (
	lockName   = ".lock"
	newPrefix  = ".new-"
	gonePrefix = ".gone-"
	mailName   = "mail.eml"
	flowName   = "flow.pcapng"
	itemName   = "item.json"
)

// Bounds of what is read of an item, in octets.
const (
	maxDescription = 1 << 20
	maxFlow        = 1 << 20 // this is far above that of any configuration
)

// Folder is a quarantine as seen from outside: a running gateway may keep mails in it meanwhile. A folder that does not exist
// is an empty quarantine. Folder has no state and may be used by several goroutines.
type Folder struct {
	dir string
}

// At returns the quarantine in dir, which it does not touch.
func At(dir string) Folder { return Folder{dir: dir} }

// open opens the folder. ok is false when there is none.
func (f Folder) open() (root *os.Root, ok bool, err error) {
	root, err = os.OpenRoot(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("quarantine: %w", err)
	}
	return root, true, nil
}

// ids returns the IDs of the items in root.
func ids(root *os.Root) ([]string, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(names, func(n string) bool { return !isID(n) }), nil
}

// List returns all items, the oldest first. With an error it returns those that could be read.
func (f Folder) List() ([]Item, error) {
	root, ok, err := f.open()
	if err != nil || !ok {
		return nil, err
	}
	defer root.Close()
	names, err := ids(root)
	if err != nil {
		return nil, fmt.Errorf("listing quarantine: %w", err)
	}
	return readAll(root, names)
}

// readAll returns items, the oldest first, but for those that have been deleted since they were named. With an error it returns those that
// could be read.
func readAll(root *os.Root, names []string) ([]Item, error) {
	var items []Item
	var damaged []error
	for _, id := range names {
		item, err := read(root, id)
		switch {
		case errors.Is(err, ErrNotFound): // deleted since
		case err != nil:
			damaged = append(damaged, err)
		default:
			items = append(items, item)
		}
	}
	slices.SortFunc(items, Item.compare)
	return items, errors.Join(damaged...)
}

// Get returns one item. Errors: ErrNotFound; what is wrong with its description.
func (f Folder) Get(id string) (Item, error) {
	root, err := f.openItem(id)
	if err != nil {
		return Item{}, err
	}
	defer root.Close()
	return read(root, id)
}

// Export opens the mail of an item, as it arrived. The caller closes it; it may be read to its end even when the item is
// deleted meanwhile. Errors: ErrNotFound.
func (f Folder) Export(id string) (io.ReadCloser, error) {
	root, err := f.openItem(id)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return openFile(root, id, mailName)
}

// Flow returns the frames of the flow by which an item came, as pcapng: see scanner.Trace. There are some where the item's Flow is not 0.
// Errors: ErrNotFound; those of the file system.
func (f Folder) Flow(id string) ([]byte, error) {
	root, err := f.openItem(id)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := openFile(root, id, flowName)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	flow, err := io.ReadAll(io.LimitReader(file, maxFlow))
	if err != nil {
		return nil, fmt.Errorf("quarantine item %s: %w", id, err)
	}
	return flow, nil
}

// Delete removes an item for good, and takes its release back: it no longer waits for its reader, and its content is judged
// anew unless another item has the same. Errors: ErrNotFound; those of the file system, after which the item is gone from the
// list all the same if it could be renamed.
func (f Folder) Delete(id string) error {
	root, err := f.openItem(id)
	if err != nil {
		return err
	}
	defer root.Close()
	if item, err := read(root, id); err == nil { // a damaged one has no marks that could be found
		if err := revoke(root, &item); err != nil {
			return fmt.Errorf("deleting quarantine item %s: %w", id, err)
		}
	}
	return remove(root, id)
}

// remove removes an item and leaves its marks.
func remove(root *os.Root, id string) error {
	gone := gonePrefix + id
	if err := root.Rename(id, gone); errors.Is(err, fs.ErrNotExist) {
		return notFound(id)
	} else if err != nil {
		return fmt.Errorf("deleting quarantine item %s: %w", id, err)
	}
	if err := syncFolder(root, "."); err != nil {
		return fmt.Errorf("deleting quarantine item %s: %w", id, err)
	}
	if err := root.RemoveAll(gone); err != nil {
		return fmt.Errorf("deleting quarantine item %s: %w", id, err)
	}
	return nil
}

// measure returns what is known of the file of an item's mail, and how many octets the item counts for.
func measure(root *os.Root, id string) (mail fs.FileInfo, octets int64, err error) {
	if mail, err = root.Lstat(id + "/" + mailName); err != nil {
		return nil, 0, err
	}
	octets = mail.Size()
	if flow, err := root.Lstat(id + "/" + flowName); err == nil { // else there is none
		octets += flow.Size()
	}
	return mail, octets, nil
}

// openItem opens the folder for work on one item.
func (f Folder) openItem(id string) (*os.Root, error) {
	if !isID(id) {
		return nil, notFound(id)
	}
	root, ok, err := f.open()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFound(id)
	}
	return root, nil
}

func notFound(id string) error { return fmt.Errorf("%w: %.40q", ErrNotFound, id) }

// read reads the description of an item.
func read(root *os.Root, id string) (Item, error) {
	file, err := openFile(root, id, itemName)
	if err != nil {
		return Item{}, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxDescription))
	if err != nil {
		return Item{}, fmt.Errorf("quarantine item %s: %w", id, err)
	}
	item, err := parse(id, text)
	item.Release = releaseOf(root, &item)
	return item, err
}

// openFile opens a file of an item; a link in its place is an error.
func openFile(root *os.Root, id, name string) (*os.File, error) {
	file, err := root.OpenFile(id+"/"+name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := root.Lstat(id); err != nil {
			return nil, notFound(id)
		}
		return nil, fmt.Errorf("quarantine item %s: %s is missing", id, name)
	}
	if err != nil {
		return nil, fmt.Errorf("quarantine item %s: %w", id, err)
	}
	return file, nil
}

// syncFolder makes what was created or renamed in a folder durable.
func syncFolder(root *os.Root, name string) error {
	dir, err := root.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
