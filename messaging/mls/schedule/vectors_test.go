package schedule_test

import (
	"bytes"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

func get(t testing.TB, id suite.ID) *suite.Suite {
	t.Helper()
	s, err := suite.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func same(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s is %x, want %x", what, got, want)
	}
}

func TestVectorsKeySchedule(t *testing.T) {
	const file = "key-schedule.json"
	type epoch struct {
		TreeHash                mlstest.Hex `json:"tree_hash"`
		CommitSecret            mlstest.Hex `json:"commit_secret"`
		PSKSecret               mlstest.Hex `json:"psk_secret"`
		ConfirmedTranscriptHash mlstest.Hex `json:"confirmed_transcript_hash"`
		GroupContext            mlstest.Hex `json:"group_context"`
		JoinerSecret            mlstest.Hex `json:"joiner_secret"`
		WelcomeSecret           mlstest.Hex `json:"welcome_secret"`
		InitSecret              mlstest.Hex `json:"init_secret"`
		SenderDataSecret        mlstest.Hex `json:"sender_data_secret"`
		EncryptionSecret        mlstest.Hex `json:"encryption_secret"`
		ExporterSecret          mlstest.Hex `json:"exporter_secret"`
		EpochAuthenticator      mlstest.Hex `json:"epoch_authenticator"`
		ExternalSecret          mlstest.Hex `json:"external_secret"`
		ConfirmationKey         mlstest.Hex `json:"confirmation_key"`
		MembershipKey           mlstest.Hex `json:"membership_key"`
		ResumptionPSK           mlstest.Hex `json:"resumption_psk"`
		ExternalPub             mlstest.Hex `json:"external_pub"`
		Exporter                struct {
			Label   string      `json:"label"`
			Context mlstest.Hex `json:"context"`
			Length  int         `json:"length"`
			Secret  mlstest.Hex `json:"secret"`
		} `json:"exporter"`
	}
	var cases []struct {
		CipherSuite       suite.ID    `json:"cipher_suite"`
		GroupID           mlstest.Hex `json:"group_id"`
		InitialInitSecret mlstest.Hex `json:"initial_init_secret"`
		Epochs            []epoch     `json:"epochs"`
	}
	mlstest.Vectors(t, file, &cases)
	ran := 0
	for _, c := range cases {
		s := get(t, c.CipherSuite)
		init := []byte(c.InitialInitSecret)
		for i, e := range c.Epochs {
			context := &schedule.GroupContext{
				CipherSuite:             c.CipherSuite,
				GroupID:                 c.GroupID,
				Epoch:                   uint64(i),
				TreeHash:                e.TreeHash,
				ConfirmedTranscriptHash: e.ConfirmedTranscriptHash,
			}
			same(t, "group_context", context.Bytes(), e.GroupContext)
			var parsed schedule.GroupContext
			if err := syntax.Unmarshal(e.GroupContext, &parsed); err != nil {
				t.Fatal(err)
			}
			same(t, "group_context read and written", parsed.Bytes(), e.GroupContext)

			next := schedule.Next(s, init, e.CommitSecret, e.PSKSecret, context)
			joined := schedule.FromJoiner(s, e.JoinerSecret, e.PSKSecret, context)
			same(t, "WelcomeSecret", schedule.WelcomeSecret(s, e.JoinerSecret, e.PSKSecret), e.WelcomeSecret)
			for way, secrets := range map[string]*schedule.Secrets{"Next": next, "FromJoiner": joined} {
				for _, v := range []struct {
					name      string
					got, want []byte
				}{
					{"joiner_secret", secrets.Joiner, e.JoinerSecret},
					{"welcome_secret", secrets.Welcome, e.WelcomeSecret},
					{"init_secret", secrets.Init, e.InitSecret},
					{"sender_data_secret", secrets.SenderData, e.SenderDataSecret},
					{"encryption_secret", secrets.Encryption, e.EncryptionSecret},
					{"exporter_secret", secrets.Exporter, e.ExporterSecret},
					{"epoch_authenticator", secrets.EpochAuthenticator, e.EpochAuthenticator},
					{"external_secret", secrets.External, e.ExternalSecret},
					{"confirmation_key", secrets.Confirmation, e.ConfirmationKey},
					{"membership_key", secrets.Membership, e.MembershipKey},
					{"resumption_psk", secrets.ResumptionPSK, e.ResumptionPSK},
				} {
					same(t, way+": "+v.name, v.got, v.want)
				}
			}
			_, pub, err := next.ExternalKeyPair()
			if err != nil {
				t.Fatal(err)
			}
			same(t, "external_pub", pub, e.ExternalPub)
			exported, err := next.Export(e.Exporter.Label, e.Exporter.Context, e.Exporter.Length)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "exporter.secret", exported, e.Exporter.Secret)
			init = next.Init
		}
		if len(c.Epochs) > 0 {
			ran++
		}
	}
	mlstest.Report(t, file, ran, len(cases))
}

func TestVectorsPSKSecret(t *testing.T) {
	const file = "psk_secret.json"
	var cases []struct {
		CipherSuite suite.ID `json:"cipher_suite"`
		PSKs        []struct {
			ID    mlstest.Hex `json:"psk_id"`
			PSK   mlstest.Hex `json:"psk"`
			Nonce mlstest.Hex `json:"psk_nonce"`
		} `json:"psks"`
		PSKSecret mlstest.Hex `json:"psk_secret"`
	}
	mlstest.Vectors(t, file, &cases)
	ran := 0
	for _, c := range cases {
		var psks []schedule.PSK
		for _, p := range c.PSKs {
			psks = append(psks, schedule.PSK{
				ID:     schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: p.ID, Nonce: p.Nonce},
				Secret: p.PSK,
			})
		}
		got, err := schedule.PSKSecret(get(t, c.CipherSuite), psks)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "psk_secret", got, c.PSKSecret)
		ran++
	}
	mlstest.Report(t, file, ran, len(cases))
}

func TestVectorsSecretTree(t *testing.T) {
	const file = "secret-tree.json"
	var cases []struct {
		CipherSuite suite.ID `json:"cipher_suite"`
		SenderData  struct {
			Secret     mlstest.Hex `json:"sender_data_secret"`
			Ciphertext mlstest.Hex `json:"ciphertext"`
			Key        mlstest.Hex `json:"key"`
			Nonce      mlstest.Hex `json:"nonce"`
		} `json:"sender_data"`
		EncryptionSecret mlstest.Hex `json:"encryption_secret"`
		Leaves           [][]struct {
			Generation       uint32      `json:"generation"`
			HandshakeKey     mlstest.Hex `json:"handshake_key"`
			HandshakeNonce   mlstest.Hex `json:"handshake_nonce"`
			ApplicationKey   mlstest.Hex `json:"application_key"`
			ApplicationNonce mlstest.Hex `json:"application_nonce"`
		} `json:"leaves"`
	}
	mlstest.Vectors(t, file, &cases)
	ran := 0
	for _, c := range cases {
		s := get(t, c.CipherSuite)
		key, nonce := schedule.SenderDataKey(s, c.SenderData.Secret, c.SenderData.Ciphertext)
		same(t, "sender data key", key, c.SenderData.Key)
		same(t, "sender data nonce", nonce, c.SenderData.Nonce)
		keys := schedule.NewSecretTree(s, bytes.Clone(c.EncryptionSecret), uint32(len(c.Leaves)))
		for i, leaf := range c.Leaves {
			for _, g := range leaf {
				for _, kind := range []schedule.Kind{schedule.Handshake, schedule.Application} {
					want := schedule.Key{Key: g.HandshakeKey, Nonce: g.HandshakeNonce}
					if kind == schedule.Application {
						want = schedule.Key{Key: g.ApplicationKey, Nonce: g.ApplicationNonce}
					}
					opening, err := keys.Peek(tree.LeafIndex(i), kind, g.Generation)
					if err != nil {
						t.Fatal(err)
					}
					same(t, kind.String()+" key", opening.Key().Key, want.Key)
					same(t, kind.String()+" nonce", opening.Key().Nonce, want.Nonce)
					if err := opening.Commit(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		ran++
	}
	mlstest.Report(t, file, ran, len(cases))
}
