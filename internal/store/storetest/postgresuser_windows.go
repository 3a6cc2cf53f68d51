package storetest

import "os/exec"

func give(string) error { return nil }

func become(*exec.Cmd) {}
