package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a configuration file, in octets.
const maxFile = 1 << 20

// Overrides are values of the command line. Each replaces the file's; empty ones leave it.
type Overrides struct {
	Addresses []string
	Routers   []string
	Bridge    string
}

// File is a configuration and where it came from.
type File struct {
	Config Config
	Path   string // empty: no file was read

	places map[string]Error // where each key stands: an Error without a message
	flags  map[*yaml.Node]string
}

// Load reads the file at path, puts over in place of what it says, and checks the whole. An empty path stands for an empty
// file.
//
// Errors: Errors for everything that is wrong with the configuration, a missing or unreadable file included.
func Load(path string, over Overrides) (*File, error) {
	var content []byte
	if path != "" {
		var err error
		if content, err = readBounded(path); err != nil {
			return nil, Errors{{Source: path, Msg: explain(err)}}
		}
	}
	return Parse(path, content, over)
}

// Parse is Load for a file whose content is at hand. It borrows content.
//
// Errors: Errors.
func Parse(path string, content []byte, over Overrides) (*File, error) {
	f := &File{Config: *Default(), Path: path, places: make(map[string]Error), flags: make(map[*yaml.Node]string)}
	r := &reader{file: f}
	root, err := parseYAML(path, content)
	if err != nil {
		return nil, err
	}
	if root.Kind == yaml.MappingNode {
		f.override(root, "addresses", "--address", over.Addresses)
		f.override(root, "routers", "--router", over.Routers)
	}
	top := value{r: r, node: root}
	r.config(top, &f.Config)
	if over.Bridge != "" {
		word, n := wordNode("device.bridge"), wordNode(over.Bridge)
		f.flags[n] = "--bridge"
		top.field(word, n).interfaceName(&f.Config.Device.Bridge)
	}
	if len(r.errs) == 0 {
		r.checkNetwork(&f.Config) // compares values with each other, so each must be right by itself first
		r.checkSpool(&f.Config)
		r.checkRA(&f.Config)
		r.checkPolicy(&f.Config)
		r.checkBounds(&f.Config)
	}
	if len(r.errs) > 0 {
		r.errs.Sort()
		return nil, r.errs
	}
	return f, nil
}

// Errorf returns an error about key, such as "scan.yara.rules[0]", at the place where the file sets it; where the file does
// not, at the nearest section around it.
func (f *File) Errorf(key, format string, args ...any) Error {
	at := f.place(key)
	at.Msg = fmt.Sprintf(format, args...)
	return at
}

func (f *File) place(key string) Error {
	for key != "" {
		if at, ok := f.places[key]; ok {
			return at
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	if f.Path == "" {
		return Error{Source: "configuration"}
	}
	return Error{Source: f.Path, Line: 1, Col: 1}
}

// placeOf returns where n stands: in the file, or in a flag.
func (f *File) placeOf(n *yaml.Node) Error {
	if flag, ok := f.flags[n]; ok {
		return Error{Source: flag}
	}
	if f.Path == "" {
		return Error{Source: "configuration"}
	}
	return Error{Source: f.Path, Line: max(1, n.Line), Col: max(1, n.Column)}
}

// override replaces the value of key in the mapping root by the values of a flag.
func (f *File) override(root *yaml.Node, key, flag string, values []string) {
	if len(values) == 0 {
		return
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	f.flags[list] = flag
	for _, s := range values {
		n := wordNode(s)
		f.flags[n] = flag
		list.Content = append(list.Content, n)
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == key {
			root.Content[i+1] = list
			return
		}
	}
	root.Content = append(root.Content, wordNode(key), list)
}

func wordNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

// parseYAML returns the top node of the one document in content; of an empty file, an empty mapping.
func parseYAML(path string, content []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(strings.NewReader(string(content)))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}, nil
	}
	if err != nil {
		return nil, Errors{syntaxError(path, content, err)}
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}, nil
	}
	switch err := dec.Decode(&second); {
	case errors.Is(err, io.EOF):
		return root, nil
	case err != nil:
		return nil, Errors{syntaxError(path, content, err)}
	default:
		return nil, Errors{{Source: path, Line: max(1, second.Line), Col: max(1, second.Column), Msg: "a second document begins here: one file holds one configuration, so leave the --- out"}}
	}
}

// yamlLine finds the line in an error of the YAML library, which gives no column. Its scanner counts lines from 1, its
// parser from 0; yamlParser knows the parser's errors by their words.
var (
	yamlLine   = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	yamlParser = regexp.MustCompile(`^did not find expected (<document start>|'-' indicator|',' or|key|node content)`)
)

// syntaxError turns err into an Error at the first word of the line it names.
func syntaxError(path string, content []byte, err error) Error {
	m := yamlLine.FindStringSubmatch(err.Error())
	e := Error{Source: path, Line: 1, Col: 1, Msg: "not valid YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	if m == nil {
		return e
	}
	e.Msg = "not valid YAML: " + strings.TrimPrefix(err.Error(), m[0])
	if n, bad := strconv.Atoi(m[1]); bad == nil && n > 0 {
		e.Line = n
		if yamlParser.MatchString(err.Error()[len(m[0]):]) {
			e.Line++
		}
	}
	lines := strings.Split(string(content), "\n")
	if e.Line <= len(lines) {
		line := lines[e.Line-1]
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		e.Col = len(indent) + 1
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 {
			e.Col = tab + 1
			e.Msg += " (YAML indents with spaces, and here is a tab)"
		}
	}
	return e
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFile {
		return nil, errTooLong
	}
	return content, nil
}

var errTooLong = errors.New("is longer than 1 MiB, so it is hardly a configuration")

// explain says what is wrong with reading the file, and what to do.
func explain(err error) string {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file: write it, name another with -c FILE or MIRRORGW_CONFIG, or use `run` with --address and --router"
	case errors.Is(err, fs.ErrPermission):
		return "may not be read by this user: run as root or as the service's user"
	case errors.As(err, &path):
		return "cannot be read: " + path.Err.Error()
	default:
		return err.Error()
	}
}
