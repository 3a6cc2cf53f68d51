package store

// Disk stands between a database and its files, so that tests can cut its power and let it
// fail. Package storetest has one.
type Disk interface {
	// VFS names the SQLite file system that keeps the database file and its log.
	VFS() string

	// Step is asked before each step on a blob file or their folder. The step fails with the
	// error it returns, and is not done then.
	Step(kind Step, path string) error
}

// Step is what is about to be done to a file.
type Step int

// The steps.
const (
	StepCreate     Step = iota // a new file in the folder
	StepWrite                  // more content for a file
	StepRename                 // a complete file gets this path
	StepRemove                 // the file goes
	StepSync                   // the file's content is made durable
	StepSyncFolder             // the names in the folder are made durable
)

func (b *blobs) step(kind Step, path string) error { return step(b.disk, kind, path) }

// step asks the disk, if there is one.
func step(disk Disk, kind Step, path string) error {
	if disk == nil {
		return nil
	}
	return disk.Step(kind, path)
}
