package store

import (
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store/row"
)

func (h *hubRows) settings() (map[string]int64, error) {
	if err := h.settleAll(); err != nil {
		return nil, err
	}
	return h.r.Settings()
}

func (h *hubRows) met() (string, error) {
	if err := h.tx.alive(); err != nil {
		return "", err
	}
	if h.o != nil {
		if met, ok := h.o.settings[metaMet]; ok {
			return strconv.FormatInt(met, 10), nil
		}
	}
	return *h.tx.db.met.Load(), nil
}

func (h *hubRows) spaces() (all []string, err error) {
	if err := h.settleAll(); err != nil {
		return nil, err
	}
	texts, err := h.r.Spaces()
	for _, text := range texts {
		all = append(all, keyOfText(text))
	}
	return slices.DeleteFunc(all, func(space string) bool {
		return slices.Contains([]string{hubPeerCheckpoints, hubLocalCheckpoints, hubRemotes, hubPrevious}, space)
	}), err
}

func (h *hubRows) peerCheckpoints(each func(client string, rev int64, body []byte)) error {
	return h.values(hubPeerCheckpoints, func(client string, value []byte) {
		if len(value) >= 8 {
			each(client, int64(binary.BigEndian.Uint64(value)), value[8:]) //nolint:gosec // as it was stored
		}
	})
}

func (h *hubRows) localCheckpoints(each func(id string, body []byte)) error {
	return h.values(hubLocalCheckpoints, each)
}

func (h *hubRows) keptWithBodies(c *Collection, ids []string, each func(id string, k keptRow, body []byte)) error {
	if err := h.settle(); err != nil {
		return err
	}
	h.listed(c)
	err := h.r.KeptOf(c.id, ids, func(k *row.Kept) error {
		rev, err := revOf(k.Rev, k.History)
		if err != nil {
			return damaged().In("read kept revisions", k.ID).Because(err)
		}
		each(k.ID, keptRow{remote: Remote(k.Remote), rev: rev, flags: k.Flags, base: revision.ID(k.Base)}, k.Body)
		return nil
	})
	return h.fault(err, "read kept revisions", c.FullName())
}
