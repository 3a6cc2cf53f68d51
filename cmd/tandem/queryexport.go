package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// export writes the rows of a query to a file, which appears when it is whole.
func (s *querySession) export(ctx context.Context, path, text string) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	isCSV := strings.EqualFold(filepath.Ext(path), ".csv")
	to := &app{out: bufio.NewWriter(file)}
	part := &querySession{a: to, db: s.db, f: &queryFlags{asCSV: isCSV, asJSON: !isCSV}, params: s.params, several: s.several}
	err = part.run(ctx, text, toPrint)
	if err = errors.Join(err, to.out.Flush(), file.Close()); err != nil {
		return err
	}
	if err = os.Rename(file.Name(), path); err == nil {
		s.a.note("written to %s", path)
	}
	return err
}
