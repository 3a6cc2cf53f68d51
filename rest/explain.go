package rest

import (
	"net/http"

	"github.com/tandemdb/tandem"
)

func explainRoutes() []route {
	return []route{
		{method: "GET", pattern: "/{ks}/_explain/{doc}", needs: reads, do: getExplain},
	}
}

// explained is the state of a document with one peer.
type explained struct {
	Peer           string `json:"peer"`
	State          string `json:"state"`
	Reason         string `json:"reason"`
	Revision       string `json:"revision,omitempty"`
	RemoteRevision string `json:"remoteRevision,omitempty"`
}

// getExplain tells for each peer that a replicator of the database knows whether it has the document.
func getExplain(c *call) error {
	id, err := docID(c.vars[0])
	if err != nil {
		return err
	}
	peers, err := c.db.Remotes(c.r.Context())
	if err != nil {
		return err
	}
	answer := []explained{}
	for _, peer := range peers {
		endpoint, err := tandem.NewURLEndpoint(peer)
		if err != nil {
			continue // another database of the same process
		}
		cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint}
		cfg.AddCollection(c.coll)
		r, err := tandem.NewReplicator(cfg)
		if err != nil {
			return err
		}
		e, err := r.Explain(c.r.Context(), c.coll, id)
		if err != nil {
			return err
		}
		answer = append(answer, explained{peer, string(e.State), e.Reason, e.Revision, e.Remote})
	}
	return c.answer(http.StatusOK, answer)
}
