// Package soak lets one listener and many clients work for as long as one gives them, through faults
// and restarts, and watches memory, goroutines, file handles and latency. It has tests only: a short
// form runs with all others, and
//
//	make soak MINUTES=60
//
// leaves soak.csv and soak.png in the folder that -soak.out names.
package soak
