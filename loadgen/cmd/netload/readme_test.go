package main

import (
	"os"
	"strings"
	"testing"
)

// TestReadmeCommands parses every netload command that README.md shows, as netload would.
func TestReadmeCommands(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(text) + examples) {
		_, args, found := strings.Cut(strings.TrimSpace(line), "netload --addr")
		if !found || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		seen++
		var o options
		var code int
		cmd := command(&code)
		cmd.ResetFlags()
		o.register(cmd.Flags())
		if err := cmd.ParseFlags(strings.Fields("--addr" + strings.ReplaceAll(args, "'", ""))); err != nil {
			t.Errorf("%s: %v", line, err)
		} else if err := o.complete(cmd.Flags()); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if seen < 8 {
		t.Errorf("only %d commands found", seen)
	}
}
