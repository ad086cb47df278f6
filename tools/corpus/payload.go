package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

// programFile is the harmless program of Debian's clamav-testfiles.
const programFile = "/usr/share/clamav-testfiles/clam.exe"

// payload is what a scanner must find. Both are harmless.
type payload struct {
	name    string // in a mail's id
	file    string // as an attachment is called
	content string
}

// payloads returns the EICAR test file, which is text, and the program, which is not.
func payloads() ([]payload, error) {
	program, err := os.ReadFile(programFile)
	if err != nil {
		return nil, fmt.Errorf("reading the test program (Debian's package clamav-testfiles): %w", err)
	}
	// The tildes keep the test file out of this source and out of this program.
	eicar := strings.ReplaceAll(`X5O!P~%@AP[4\PZX54(P^)~7CC)7}$EICAR~-STANDARD-ANTI~VIRUS-TEST-FILE!~$H+H*`, "~", "")
	return []payload{{"eicar", "eicar.com", eicar}, {"program", "program.exe", string(program)}}, nil
}

// digest returns the payload's SHA-256 in hexadecimal.
func (p payload) digest() string {
	sum := sha256.Sum256([]byte(p.content))
	return hex.EncodeToString(sum[:])
}
