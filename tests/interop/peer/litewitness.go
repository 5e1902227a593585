package peer

import (
	"crypto/ed25519"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// KnownLog is what a witness knows of a log at its start.
type KnownLog struct {
	Origin string
	VKey   string
	Size   int64
	Root   string // base64
}

// Litewitness is torchwood's witness.
type Litewitness struct {
	*Process
	URL     string
	VKey    string
	program string
	address string
	name    string
	folder  string
	key     ed25519.PrivateKey
	agent   net.Listener
}

// MakeLitewitness gives it a folder, a key and logs. litewitness has its logs from a tool that
// cannot be installed everywhere, so its database is made here.
func MakeLitewitness(program, folder, name string, logs []KnownLog) (*Litewitness, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	signer, err := torchwood.NewCosignatureSigner(name, key)
	if err != nil {
		return nil, err
	}
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	w := &Litewitness{URL: "http://" + address, VKey: signer.Verifier().String(), program: program,
		address: address, name: name, folder: folder, key: key}
	if err := w.fill(logs); err != nil {
		return nil, fmt.Errorf("litewitness's database: %w", err)
	}
	return w, w.serveAgent()
}

func (w *Litewitness) database() string { return filepath.Join(w.folder, "litewitness.db") }
func (w *Litewitness) socket() string   { return filepath.Join(w.folder, "agent") }

func (w *Litewitness) fill(logs []KnownLog) (err error) {
	db, err := sqlite.OpenConn(w.database())
	if err != nil {
		return err
	}
	defer db.Close()
	if err := sqlitex.ExecuteScript(db, `
		CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL);
		CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL,
			FOREIGN KEY(origin) REFERENCES log(origin));
		CREATE TABLE bastion (origin TEXT NOT NULL, bastion TEXT NOT NULL,
			FOREIGN KEY(origin) REFERENCES log(origin));`, nil); err != nil {
		return err
	}
	defer sqlitex.Save(db)(&err)
	for _, log := range logs {
		if err := sqlitex.Execute(db, "INSERT INTO log VALUES (?, ?, ?)",
			&sqlitex.ExecOptions{Args: []any{log.Origin, log.Size, log.Root}}); err != nil {
			return err
		}
		if err := sqlitex.Execute(db, "INSERT INTO key VALUES (?, ?)",
			&sqlitex.ExecOptions{Args: []any{log.Origin, log.VKey}}); err != nil {
			return err
		}
	}
	return nil
}

// Storage says how litewitness's database is synced, as SQLite itself tells for a connection that
// is opened as litewitness opens its own.
func (w *Litewitness) Storage() (string, error) {
	db, err := sqlite.OpenConn(w.database())
	if err != nil {
		return "", err
	}
	defer db.Close()
	var said []string
	for _, pragma := range []string{"journal_mode", "synchronous"} {
		if err := sqlitex.Execute(db, "PRAGMA "+pragma, &sqlitex.ExecOptions{
			ResultFunc: func(row *sqlite.Stmt) error {
				said = append(said, pragma+"="+row.ColumnText(0))
				return nil
			}}); err != nil {
			return "", err
		}
	}
	return strings.Join(said, " "), nil
}

// serveAgent offers the key as an ssh-agent does: that is where litewitness has it from.
func (w *Litewitness) serveAgent() error {
	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: &w.key}); err != nil {
		return err
	}
	listener, err := net.Listen("unix", w.socket())
	if err != nil {
		return err
	}
	w.agent = listener
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				agent.ServeAgent(keyring, connection)
			}()
		}
	}()
	return nil
}

// Start starts it, or starts it again.
func (w *Litewitness) Start() error {
	public, err := ssh.NewPublicKey(w.key.Public())
	if err != nil {
		return err
	}
	w.Process, err = Start(filepath.Join(w.folder, "litewitness.log"), w.program, "-name", w.name,
		"-db", w.database(), "-ssh-agent", w.socket(), "-listen", w.address,
		"-key", ssh.FingerprintSHA256(public))
	if err != nil {
		return err
	}
	return w.Await("listening", func() bool { return Listens("tcp", w.address) })
}

// Close ends it and its agent.
func (w *Litewitness) Close() {
	if w.Process != nil {
		w.Stop()
	}
	w.agent.Close()
}
