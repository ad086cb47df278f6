package config

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestReadmeTellsTheTruth reads the configurations README.md shows. The long one is said to hold the defaults.
func TestReadmeTellsTheTruth(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := func(after, indent string) string {
		_, rest, ok := strings.Cut(string(readme), after+"\n\n")
		if !ok {
			t.Fatalf("README.md does not say %q", after)
		}
		lines, _, _ := strings.Cut("\n"+rest, "\n\n")
		return strings.ReplaceAll(lines, "\n"+indent, "\n")
	}
	short := shown("The address is the gateway's own, not the host's:", "       ")
	if _, err := Parse("README.md", []byte(short), Overrides{}); err != nil {
		t.Errorf("%v\n%s", err, short)
	}
	long := shown("These are the others, with their defaults:", "    ")
	long = strings.Replace(long, "{rules: [/etc/mirrorgw/rules], workers: auto}", "{workers: auto}", 1) // the one example among them
	f, err := Parse("README.md", []byte(minimal+long), Overrides{})
	if err != nil {
		t.Fatalf("%v\n%s", err, long)
	}
	g, err := Parse("f", []byte(minimal), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(f.Config, g.Config) {
		t.Errorf("README.md shows %+v\nand the defaults are %+v", f.Config, g.Config)
	}
}
