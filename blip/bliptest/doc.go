// Package bliptest reads recorded BLIP conversations, plays one side of a connection frame by frame, and cuts
// connections, for tests.
//
//	events, err := bliptest.Load("testdata/v3-01-push-pull.jsonl")
//	…
//	messages, err := bliptest.Messages(events)
//
// The package is for tests only.
package bliptest
