package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

var (
	errSize     = errors.New("is not a size: write a number of octets, or one with KiB, MiB, GiB or TiB, such as 256KiB")
	errDuration = errors.New("is not a duration: write a number with s, m, h or d, such as 120s or 30d")
)

// sizeUnits are the units of a size, largest first.
var sizeUnits = [...]struct {
	name   string
	octets int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// parseSize reads a number of octets: digits, and a binary unit or none.
func parseSize(s string) (int64, error) {
	unit := int64(1)
	for _, u := range sizeUnits {
		if digits, ok := strings.CutSuffix(s, u.name); ok {
			s, unit = digits, u.octets
			break
		}
	}
	n, err := parseCount(s)
	if err != nil || n > math.MaxInt64/unit {
		return 0, errSize
	}
	return n * unit, nil
}

// formatSize is the inverse of parseSize, in the largest unit that needs no fraction.
func formatSize(n int64) string {
	for _, u := range sizeUnits {
		if n != 0 && n%u.octets == 0 {
			return strconv.FormatInt(n/u.octets, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

const day = 24 * time.Hour

// parseDuration reads what time.ParseDuration reads, and whole days.
func parseDuration(s string) (time.Duration, error) {
	if digits, ok := strings.CutSuffix(s, "d"); ok {
		n, err := parseCount(digits)
		if err != nil || n > math.MaxInt64/int64(day) {
			return 0, errDuration
		}
		return time.Duration(n) * day, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, errDuration
	}
	return d, nil
}

// ParseDuration reads a duration as the file has it: 120s, 10m, 2h, 30d.
//
// Errors: what a duration looks like.
func ParseDuration(s string) (time.Duration, error) { return parseDuration(s) }

// formatDuration is the inverse of parseDuration, in the largest unit that needs no fraction.
func formatDuration(d time.Duration) string {
	for _, u := range [...]struct {
		name string
		unit time.Duration
	}{{"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if d != 0 && d%u.unit == 0 {
			return fmt.Sprintf("%d%s", d/u.unit, u.name)
		}
	}
	return d.String()
}

// parseCount reads a decimal number without sign. It is stricter than strconv: no underscores, no plus, no leading zero,
// which YAML 1.1 readers take for octal.
func parseCount(s string) (int64, error) {
	if s == "" || len(s) > 1 && s[0] == '0' {
		return 0, strconv.ErrSyntax
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, strconv.ErrSyntax
		}
	}
	return strconv.ParseInt(s, 10, 64)
}
