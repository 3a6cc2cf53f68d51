package rest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/tandemdb/tandem"
)

// pushTime bounds the push of one document.
const pushTime = 30 * time.Second

// onePush names a document that is to be pushed at once.
type onePush struct {
	Collection string `json:"collection"` // as in the replication's collections; "" for the default one
	ID         string `json:"id"`
}

// pushResult is the answer to POST /_replicate/{n}/push.
type pushResult struct {
	OK      bool       `json:"ok"`
	Written uint64     `json:"docs_written"` // 0 if the peer has had it
	Error   *taskError `json:"error,omitempty"`
}

// pushOne pushes one document to the peer of a replication, as this would, whether it runs or not. A
// document that the peer has refused for good is tried again.
func pushOne(c *call) error {
	t, err := c.replication()
	if err != nil {
		return err
	}
	var what onePush
	if err := c.decodeExactly(&what, maxRequest, `the body does not fit: want {"collection": name, "id": ID}`); err != nil {
		return err
	}
	if err := t.mayRun(c.who.user); err != nil {
		return err
	}
	cfg, err := t.onlyPushing(what)
	if err != nil {
		return err
	}
	r, err := tandem.NewReplicator(cfg)
	if err != nil {
		return err
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(c.r.Context(), pushTime)
	defer cancel()
	if err := r.Start(); err != nil {
		return err
	}
	failed := r.Wait(ctx)
	return c.answer(http.StatusOK, pushResult{failed == nil, r.Status().Progress.Push.Documents, errorOfTask(failed)})
}

// onlyPushing returns the configuration of the replication for one document.
func (t *replication) onlyPushing(what onePush) (tandem.ReplicatorConfiguration, error) {
	cfg := t.replicator.Config()
	if !t.what.pushes() {
		return cfg, refuse(http.StatusBadRequest, "task %d only pulls", t.entry.number)
	}
	scope, name, err := tandem.ParseCollectionName(what.Collection)
	if what.Collection == "" {
		scope, name, err = tandem.DefaultName, tandem.DefaultName, nil
	}
	i := slices.IndexFunc(cfg.Collections, func(coll tandem.CollectionConfiguration) bool {
		return coll.Collection.FullName() == scope+"."+name
	})
	if err != nil || i < 0 {
		return cfg, refuse(http.StatusBadRequest, "task %d does not replicate the collection %.300q", t.entry.number, what.Collection)
	}
	one := cfg.Collections[i]
	if len(one.DocumentIDs) > 0 && !slices.Contains(one.DocumentIDs, what.ID) {
		return cfg, refuse(http.StatusBadRequest, "task %d replicates other documents, and not %.250q", t.entry.number, what.ID)
	}
	if what.ID == "" {
		return cfg, refuse(http.StatusBadRequest, "the id is missing")
	}
	one.DocumentIDs = []string{what.ID}
	cfg.Collections = []tandem.CollectionConfiguration{one}
	cfg.Type, cfg.Continuous, cfg.MaxAttempts, cfg.RetryRefused = tandem.Push, false, 1, true
	return cfg, nil
}
