package peer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Witan is a `witan node` or a `witan witness`, in its folder.
type Witan struct {
	*Process
	Dir     string
	URL     string
	VKey    string // the log's, or the witness's
	program string
	run     []string
}

func (w *Witan) readKey(file string) error {
	text, err := os.ReadFile(filepath.Join(w.Dir, file))
	w.VKey, _, _ = strings.Cut(string(text), "\n")
	return err
}

// Start starts it, or starts it again; its port may then be another.
func (w *Witan) Start() error {
	address := filepath.Join(w.Dir, "address")
	os.Remove(address)
	process, err := Start(w.Dir+".log", w.program, append(w.run, "--dir", w.Dir)...)
	if err != nil {
		return err
	}
	w.Process = process
	return w.Await("serving", func() bool {
		text, err := os.ReadFile(address)
		w.URL = strings.TrimSpace(string(text))
		return err == nil && w.URL != ""
	})
}

// Verb runs a verb on its folder.
func (w *Witan) Verb(arguments ...string) (string, error) {
	return Run(w.program, append(arguments, "--dir", w.Dir)...)
}

// Configure adds lines to the end of its configuration.
func (w *Witan) Configure(file, lines string) error {
	config, err := os.OpenFile(filepath.Join(w.Dir, file), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer config.Close()
	_, err = config.WriteString("\n" + lines)
	return err
}

// MakeWitness makes a witness that knows no log yet.
func MakeWitness(program, folder, name string) (*Witan, error) {
	w := &Witan{Dir: filepath.Join(folder, "witness"), program: program,
		run: []string{"witness", "run"}}
	if _, err := w.Verb("witness", "init", "--name", name, "--listen", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	return w, w.readKey("witness.vkey")
}

// Node is a `witan node` and someone who may register statements with it.
type Node struct {
	Witan
	folder string
	issuer string
	signed int
}

// MakeNode makes a node with an empty log.
func MakeNode(program, folder, origin string) (*Node, error) {
	n := &Node{Witan: Witan{Dir: filepath.Join(folder, "node"), program: program,
		run: []string{"node"}}, folder: folder, issuer: "https://issuer.example/interop"}
	if _, err := Run(program, "keygen", "--out", n.IssuerKey()); err != nil {
		return nil, err
	}
	if _, err := n.Verb("init", "--origin", origin, "--listen", "127.0.0.1:0",
		"--issuer", n.issuer+"="+n.IssuerKey()+".pub"); err != nil {
		return nil, err
	}
	return n, n.readKey("log.vkey")
}

// IssuerKey is the file with the private key of who signs the statements; its public half is
// beside it.
func (n *Node) IssuerKey() string { return filepath.Join(n.folder, "issuer.pem") }

// Statement is a signed statement's file, and its entry in a log.
type Statement struct {
	File  string
	Entry [sha256.Size]byte
}

// ID is the statement's locator.
func (s Statement) ID() string { return hex.EncodeToString(s.Entry[:]) }

// Sign makes a new statement.
func (n *Node) Sign() (Statement, error) {
	n.signed++
	statement := Statement{File: filepath.Join(n.folder, fmt.Sprintf("statement-%d", n.signed))}
	artifact := statement.File + ".txt"
	text := fmt.Sprintf("artifact %d\n", n.signed)
	if err := os.WriteFile(artifact, []byte(text), 0o644); err != nil {
		return statement, err
	}
	if _, err := Run(n.program, "sign", "--key", n.IssuerKey(), "--issuer", n.issuer,
		"--subject", "interop", artifact, "-o", statement.File); err != nil {
		return statement, err
	}
	bytes, err := os.ReadFile(statement.File)
	statement.Entry = sha256.Sum256(bytes)
	return statement, err
}

// Post registers a statement; prefer is the value of the header, or "".
func (n *Node) Post(statement Statement, prefer string) (Answer, error) {
	bytes, err := os.ReadFile(statement.File)
	if err != nil {
		return Answer{}, err
	}
	asked, err := http.NewRequest(http.MethodPost, n.URL+"/entries", strings.NewReader(string(bytes)))
	if err != nil {
		return Answer{}, err
	}
	asked.Header.Set("Content-Type", "application/cose")
	if prefer != "" {
		asked.Header.Set("Prefer", prefer)
	}
	return answer(client.Do(asked))
}

// Fill makes and registers statements, many at once.
func (n *Node) Fill(count int) ([]Statement, error) {
	statements := make([]Statement, count)
	failures := make(chan error, count)
	places := make(chan struct{}, 32)
	for i := range statements {
		var err error
		if statements[i], err = n.Sign(); err != nil {
			return nil, err
		}
		places <- struct{}{}
		go func() {
			defer func() { <-places }()
			got, err := n.Post(statements[i], "")
			if err == nil && got.Status != http.StatusCreated {
				err = fmt.Errorf("POST /entries: status %d: %q", got.Status, got.Body)
			}
			failures <- err
		}()
	}
	for range statements {
		if err := <-failures; err != nil {
			return nil, err
		}
	}
	return statements, nil
}

// Register makes and registers statements, one after the other.
func (n *Node) Register(count int) ([]Statement, error) {
	var statements []Statement
	for range count {
		statement, err := n.Sign()
		if err != nil {
			return statements, err
		}
		if _, err := Run(n.program, "submit", "--node", n.URL, "-o", statement.File+".receipt",
			statement.File); err != nil {
			return statements, err
		}
		statements = append(statements, statement)
	}
	return statements, nil
}
