package yara
