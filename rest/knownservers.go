package rest

import (
	"net/http"
	"slices"
	"time"

	"github.com/tandemdb/tandem"
)

func knownServerRoutes() []route {
	return []route{
		{method: "GET", pattern: "/{db}/_known_servers", needs: admin, do: getKnownServers},
		{method: "DELETE", pattern: "/{db}/_known_servers/{address}", needs: admin, do: deleteKnownServer},
	}
}

// knownServer is a peer whose certificate was trusted on first use.
type knownServer struct {
	Address     string    `json:"address"`
	Fingerprint string    `json:"fingerprint"`
	Since       time.Time `json:"since"`
}

func getKnownServers(c *call) error {
	all, err := c.db.KnownServers(c.r.Context())
	if err != nil {
		return err
	}
	listed := []knownServer{}
	for _, s := range all {
		listed = append(listed, knownServer{s.Address, s.Fingerprint, s.Since.UTC()})
	}
	return c.answer(http.StatusOK, listed)
}

// deleteKnownServer forgets the certificate of a peer: the next one that it shows counts as the first.
func deleteKnownServer(c *call) error {
	address := c.vars[0]
	all, err := c.db.KnownServers(c.r.Context())
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(s tandem.KnownServer) bool { return s.Address == address }) {
		return refuse(http.StatusNotFound, "no certificate of %.300s is known", address)
	}
	endpoint, err := tandem.NewURLEndpoint("wss://" + address + "/x")
	if err != nil {
		return err
	}
	if err := c.db.ForgetServer(c.r.Context(), endpoint); err != nil {
		return err
	}
	return c.answer(http.StatusOK, okAnswer)
}
