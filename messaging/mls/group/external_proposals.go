package group

import (
	"bytes"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// Target is the group, and the epoch of it, that somebody outside sends a proposal
// to.
type Target struct {
	GroupID []byte
	Epoch   uint64
	AAD     []byte // authenticated, and not encrypted
}

// ProposeExternal makes a proposal of an external sender, the index-th of the
// group's external_senders extension ("External Proposals", 12.1.8): an Add, a
// Remove, a PreSharedKey, a ReInit, GroupContextExtensions, an AppDataUpdate or an
// AppEphemeral. It returns an MLSMessage, which the members may commit.
func ProposeExternal(s *suite.Suite, signer suite.Signer, to Target, index uint32, p message.Proposal) ([]byte, error) {
	return propose(s, signer, to, message.External(index), p)
}

// ProposeJoin makes the proposal of a client that asks to be added itself
// ("External Proposals", 12.1.8). signer has the key of the KeyPackage.
func ProposeJoin(s *suite.Suite, signer suite.Signer, to Target, kp *message.KeyPackage) ([]byte, error) {
	if !bytes.Equal(signer.Public(), kp.LeafNode.SignatureKey) {
		return nil, fmt.Errorf("%w: the signer is not that of the key package", ErrConfig)
	}
	return propose(s, signer, to, message.Sender{Type: message.SenderNewMemberProposal}, &message.Add{KeyPackage: kp})
}

func propose(s *suite.Suite, signer suite.Signer, to Target, sender message.Sender, p message.Proposal) ([]byte, error) {
	// The signature of somebody outside does not cover the GroupContext, of which
	// no more than this is known.
	context := &schedule.GroupContext{CipherSuite: s.ID(), GroupID: to.GroupID, Epoch: to.Epoch}
	content, err := message.Sign(s, signer, message.WireFormatPublicMessage, message.FramedContent{
		GroupID:           to.GroupID,
		Epoch:             to.Epoch,
		Sender:            sender,
		AuthenticatedData: to.AAD,
		ContentType:       message.ContentProposal,
		Proposal:          p,
	}, context)
	if err != nil {
		return nil, err
	}
	public, err := content.ProtectPublic(s, nil, context)
	if err != nil {
		return nil, err
	}
	return message.Wrap(public).Bytes(), nil
}
