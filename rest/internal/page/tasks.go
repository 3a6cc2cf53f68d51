package page

import "encoding/json"

// tasks are the items of GET /_active_tasks by their kinds.
type tasks struct {
	clients      []clientRow
	replications []replicationRow
	others       []otherTask
}

// tasksMost bounds the list of tasks: a server may have thousands of clients.
const tasksMost = 16 << 20

func (l *look) tasks() (all tasks, err error) {
	var items []json.RawMessage
	if err := l.send(&items, Request{Path: "/_active_tasks", Most: tasksMost}); err != nil {
		return all, err
	}
	for _, item := range items {
		var kind struct {
			Type string `json:"type"`
		}
		_ = json.Unmarshal(item, &kind) // an item of another shape is of no kind
		switch kind.Type {
		case "sync":
			all.clients = appendDecoded(all.clients, item)
		case "replication":
			all.replications = appendDecoded(all.replications, item)
		default:
			all.others = appendDecoded(all.others, item)
		}
	}
	return all, nil
}

// appendDecoded appends an item; one that cannot be read is left out.
func appendDecoded[T any](list []T, text []byte) []T {
	var item T
	if json.Unmarshal(text, &item) != nil {
		return list
	}
	return append(list, item)
}
