package config

import (
	"go.yaml.in/yaml/v3"

	"mirrorgw/scanner/clamd"
)

// Clamd configures the clamd engine.
type Clamd struct {
	Address  []string // daemons, see clamd.Split; the first that answers is asked. Empty: the engine is not used
	Parallel int      // parts asked about at once
}

func (v value) clamd(c *Clamd) {
	v.fields(map[string]func(value){
		"address":  func(v value) { v.clamdAddresses(&c.Address) },
		"parallel": func(v value) { v.count(1, 1000, &c.Parallel) },
	})
}

// clamdAddresses reads v as one address or a list of them.
func (v value) clamdAddresses(to *[]string) {
	items := []value{v}
	if v.node.Kind == yaml.SequenceNode {
		items, _ = v.list()
	}
	var list []string
	for _, item := range items {
		s, ok := item.text()
		if !ok {
			continue
		}
		if _, _, err := clamd.Split(s); err != nil {
			item.fail("%s: %s %v", item.name(), show(s), err)
			continue
		}
		list = append(list, s)
	}
	*to = list
}
