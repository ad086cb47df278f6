package main

import (
	"errors"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"mirrorgw/cmd/mirrorgw/config"
)

// load returns the configuration a gateway runs with. Overrides that say enough by themselves may stand for the default
// file, when that is not there and nobody asked for it.
func load(c *cli.Context, over config.Overrides) (*config.File, error) {
	path, named := configPath(c)
	if !named && len(over.Addresses) > 0 && len(over.Routers) > 0 && missing(path) {
		path = ""
	}
	return config.Load(path, over)
}

// settings returns the configuration for a command that only looks at one: where the default file is not there and nobody
// asked for it, the defaults.
func settings(c *cli.Context) (*config.Config, error) {
	path, named := configPath(c)
	if !named && missing(path) {
		return config.Default(), nil
	}
	f, err := config.Load(path, config.Overrides{})
	if err != nil {
		return nil, err
	}
	return &f.Config, nil
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}
