// Package config reads the gateway's configuration file and says precisely what is wrong with it.
//
// # What it holds
//
//   - Config: every setting as a typed value, ready for the rooms; Default has the documented defaults.
//   - Load: file and command-line overrides in, a checked Config or the whole list of errors out, each as
//     FILE:LINE:COL: message.
//   - Write: a Config as YAML, with every default written out; what it writes reads back as the same Config.
//
// It looks at no interface, folder or rule file: that a path exists is for the caller to find out, and File.Errorf lets it
// report the finding at the line that named the path.
//
// # Decisions
//
//   - 2026: the file is walked as yaml.Node instead of being decoded into structs, since only nodes have columns, and since
//     a range error in a value should read like a syntax error does. Reversed when the library reports columns itself.
//   - 2026: anchors, aliases, merge keys and a second document are refused: the file is short and read by people at night.
//   - 2026: a key or value that is promised but has not landed is refused by name, never accepted and ignored. Where the
//     promised value equals what this version does anyway (shadow: false, routes: []), it is accepted.
//   - 2026: paths are absolute, since the service and the person typing `check` have different working folders.
package config
