package page

import "strings"

// overview is what the first view shows.
type overview struct {
	Databases     []databaseCard
	Clients       []clientRow
	MoreClients   int
	Replications  []replicationRow
	Others        []otherTask
	Alerts        []alert
	OpenConflicts int
	Listener      *listenerCard
}

type databaseCard struct {
	Name        string `json:"db_name"`
	Encrypted   bool   `json:"encrypted"`
	Versioning  string `json:"versioning"`
	Collections map[string]struct {
		Documents uint64 `json:"doc_count"`
		Sequence  uint64 `json:"update_seq"`
	} `json:"collections"`
}

// Documents counts the documents of all collections.
func (d databaseCard) Documents() (n uint64) {
	for _, coll := range d.Collections {
		n += coll.Documents
	}
	return n
}

// Sequence is the greatest of all collections.
func (d databaseCard) Sequence() (n uint64) {
	for _, coll := range d.Collections {
		n = max(n, coll.Sequence)
	}
	return n
}

// alert is something that a person should look at.
type alert struct {
	Text, Hint, Link, LinkText string
}

// clientRow is a peer that has connected to the server.
type clientRow struct {
	Database string `json:"database"`
	User     string `json:"user"`
	Address  string `json:"address"`
	Agent    string `json:"agent"`
	Protocol string `json:"protocol"`
	Age      int64  `json:"age_secs"`
	Status   string `json:"status"`
	Read     uint64 `json:"docs_read"`
	Written  uint64 `json:"docs_written"`
	Error    string `json:"error"`
}

// replicationRow is a replication of the server.
type replicationRow struct {
	Number        int         `json:"task_id"`
	Source        string      `json:"source"`
	Target        string      `json:"target"`
	Bidirectional bool        `json:"bidirectional"`
	Continuous    bool        `json:"continuous"`
	User          string      `json:"user"`
	Collections   []string    `json:"collections"`
	Status        string      `json:"status"`
	Age           int64       `json:"age_secs"`
	Read          uint64      `json:"docs_read"`
	Written       uint64      `json:"docs_written"`
	Failed        uint64      `json:"doc_write_failures"`
	Pending       uint64      `json:"pending"`
	Conflicts     uint64      `json:"conflicts"`
	Sent          uint64      `json:"bytes_sent"`
	Received      uint64      `json:"bytes_received"`
	NextRetry     int64       `json:"next_retry"`
	Error         *taskFailed `json:"error"`
}

type taskFailed struct {
	Reason string `json:"reason"`
	Hint   string `json:"hint"`
}

// sides returns the keyspace of this server, the URL of the peer, and whether the replication pushes.
func (r replicationRow) sides() (local, peer string, pushes bool) {
	if strings.Contains(r.Source, "://") {
		return r.Target, r.Source, r.Bidirectional
	}
	return r.Source, r.Target, true
}

// Peer returns the URL of the other side.
func (r replicationRow) Peer() string {
	_, peer, _ := r.sides()
	return peer
}

// Arrow tells the direction of a replication.
func (r replicationRow) Arrow() string {
	if r.Bidirectional {
		return "⇄"
	}
	return "→"
}

// Running reports whether the replication has not stopped.
func (r replicationRow) Running() bool { return r.Status != "Stopped" }

// otherTask is a query, a check or the like.
type otherTask struct {
	Type   string `json:"type"`
	KS     string `json:"ks"`
	User   string `json:"user"`
	Age    int64  `json:"age_secs"`
	Status string `json:"status"`
}

// shownClients bounds the rows of clients: who has a thousand reads a summary.
const shownClients = 50

func showOverview(l *look) (any, error) {
	o := new(overview)
	if err := o.addTasks(l); err != nil {
		return nil, err
	}
	if l.form.Get("part") == "peers" { // all that is shown anew all the time
		return o, nil
	}
	var err error
	if o.Databases, err = l.databases(); err != nil {
		return nil, err
	}
	if l.Admin {
		o.Listener = l.listener()
	}
	o.countConflicts(l)
	return o, nil
}

// databases describes the databases that the user may read.
func (l *look) databases() (all []databaseCard, err error) {
	var names []string
	if err := l.get(&names, "/_all_dbs"); err != nil {
		return nil, err
	}
	for _, name := range names {
		var card databaseCard
		if err := l.get(&card, "/%s", name); err != nil {
			return nil, err
		}
		all = append(all, card)
	}
	return all, nil
}

// addTasks sorts what the server is doing, and notes what has failed.
func (o *overview) addTasks(l *look) error {
	tasks, err := l.tasks()
	if err != nil {
		return err
	}
	o.Replications, o.Others = tasks.replications, tasks.others
	o.Clients, o.MoreClients = tasks.clients[:min(len(tasks.clients), shownClients)], max(0, len(tasks.clients)-shownClients)
	for _, r := range o.Replications {
		if r.Error != nil {
			o.Alerts = append(o.Alerts, alert{
				Text: "Replication " + r.Source + " " + r.Arrow() + " " + r.Target + ": " + r.Error.Reason, Hint: r.Error.Hint,
				Link: "/_tandem/replications", LinkText: "Replications",
			})
		}
	}
	return nil
}

// countConflicts counts the open conflicts. Their list has all bodies: no refreshed part asks for it.
func (o *overview) countConflicts(l *look) {
	for _, d := range o.Databases {
		var list conflictList
		if l.get(&list, "/%s/_conflicts?open=true", d.Name) == nil { // a list that is too large is seen there
			o.OpenConflicts += len(list.Open)
		}
	}
}
