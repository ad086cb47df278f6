package engines

import "mirrorgw/scanner/yara"

// Version is an engine this program was built with.
type Version struct {
	Name   string
	Detail string // the version of its library
}

// Versions returns those there are, which may be none.
func Versions() []Version {
	if v := yara.Version(); v != "" {
		return []Version{{Name: yara.Name, Detail: "libyara " + v}}
	}
	return nil
}
