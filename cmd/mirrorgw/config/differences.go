package config

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Differences returns the keys in which two configurations differ, such as "scan.yara.rules" or "intercept[0].stls", in the
// order of the file. A list that has become longer or shorter differs as a whole.
func Differences(a, b *Config) []string {
	var keys []string
	differences(&keys, "", reflect.ValueOf(*a), reflect.ValueOf(*b))
	return keys
}

func differences(keys *[]string, key string, a, b reflect.Value) {
	switch {
	case reflect.DeepEqual(a.Interface(), b.Interface()):
	case a.Kind() == reflect.Struct && exported(a.Type()):
		for i := range a.NumField() {
			differences(keys, join(key, keyWord(a.Type().Field(i).Name)), a.Field(i), b.Field(i))
		}
	case a.Kind() == reflect.Map:
		in := make(map[string]bool)
		for _, k := range slices.Concat(a.MapKeys(), b.MapKeys()) {
			if va, vb := a.MapIndex(k), b.MapIndex(k); !va.IsValid() || !vb.IsValid() || !reflect.DeepEqual(va.Interface(), vb.Interface()) {
				in[join(key, fmt.Sprint(k.Interface()))] = true
			}
		}
		*keys = append(*keys, slices.Sorted(maps.Keys(in))...)
	case a.Kind() == reflect.Slice && a.Type().Elem().Kind() == reflect.Struct && exported(a.Type().Elem()) && a.Len() == b.Len():
		for i := range a.Len() {
			differences(keys, fmt.Sprintf("%s[%d]", key, i), a.Index(i), b.Index(i))
		}
	default:
		*keys = append(*keys, key)
	}
}

// exported says whether t is a section of the file; an address, say, is a struct too and yet one value.
func exported(t reflect.Type) bool {
	return t.NumField() > 0 && t.Field(0).IsExported()
}

func join(key, word string) string {
	if key == "" {
		return word
	}
	return key + "." + word
}

// wordEdge is where a word begins within the name of a field.
var wordEdge = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// keyWord returns the word of the file for a field of Config: YAML's conventions for Go's.
func keyWord(field string) string {
	return strings.ToLower(wordEdge.ReplaceAllString(field, "${1}_${2}"))
}
