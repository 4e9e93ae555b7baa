"""The models that the examples use. Oracle's documentation lists which region has which."""

from __future__ import annotations

CHAT = "openai.gpt-oss-120b"
NATIVE = "xai.grok-4.3"
COHERE = "cohere.command-a-03-2025"
# Of a model deployment. Unverified: that one serves embeddings in OpenAI's form.
EMBEDDING = "cohere.embed-v4.0"
# Unverified: whether OCI still serves it. Google itself retired it in October 2026, and OCI's lists name no newer one.
GOOGLE = "google.gemini-2.5-flash"
# Unverified, like the path that serves it.
REALTIME = "openai.gpt-realtime"

# The stand-in accepts any model deployment, and any project. OCI needs one for what it stores: responses and conversations.
STAND_IN_PROJECT = "ocid1.generativeaiproject.oc1.us-chicago-1.example"
STAND_IN_DEPLOYMENT = "/ocid1.datasciencemodeldeployment.oc1.us-chicago-1.example/predict/v1"
