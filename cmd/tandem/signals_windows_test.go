package main

import "github.com/rogpeppe/go-internal/testscript"

// scriptCommands are the commands of the scripts. Those that need signals are missing:
// scripts ask for the condition "signals" before them.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return commonCommands()
}
