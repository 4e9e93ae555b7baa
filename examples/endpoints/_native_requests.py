"""What a native chat request may be: the required fields, types and enumerations of the `oci` SDK's models.

A form is a type, the names of an enumeration as one text, a list with the form of its items, a dict with the forms of its
fields, of which those with a "*" are required, or a pair: the field that tells the variants apart, and the fields of each.
"""

from __future__ import annotations

from typing import Any

from oci_httpx_auth.testing import Refused

COMMON = {
    "isStream": bool,
    "streamOptions": {"isIncludeUsage": bool},
    "maxTokens": int,
    "seed": int,
    "topK": int,
    "topP": float,
    "temperature": float,
    "frequencyPenalty": float,
    "presencePenalty": float,
}

CONTENT = [
    (
        "type",
        {
            "TEXT": {"text": str},
            "IMAGE": {"imageUrl": dict},
            "VIDEO": {"videoUrl": dict},
            "AUDIO": {"audioUrl": dict},
            "DOCUMENT": {"documentUrl": dict},
        },
    )
]
SAID = {"content*": CONTENT, "name": str}
MESSAGE = (
    "role",
    {
        "SYSTEM": SAID,
        "DEVELOPER": SAID,
        "USER": SAID,
        "TOOL": {"content*": CONTENT, "toolCallId": str},
        "ASSISTANT": {
            "content": CONTENT,
            "name": str,
            "refusal": str,
            "toolCalls": [("type", {"FUNCTION": {"id*": str, "name": str, "arguments": str}})],
            "annotations": list,
            "reasoningContent": str,
        },
    },
)
GENERIC = {
    **COMMON,
    "messages": [MESSAGE],
    "maxCompletionTokens": int,
    "reasoningEffort": "NONE MINIMAL LOW MEDIUM HIGH",
    "verbosity": "LOW MEDIUM HIGH",
    "serviceTier": "AUTO DEFAULT PRIORITY",
    "metadata": dict,
    "numGenerations": int,
    "isEcho": bool,
    "stop": [str],
    "logProbs": int,
    "logitBias": dict,
    "prediction": ("type", {"CONTENT": {"content": list}}),
    "responseFormat": ("type", {"TEXT": {}, "JSON_OBJECT": {}, "JSON_SCHEMA": {"jsonSchema": dict}}),
    "toolChoice": ("type", {"NONE": {}, "AUTO": {}, "REQUIRED": {}, "FUNCTION": {"name": str}}),
    "isParallelToolCalls": bool,
    "tools": [("type", {"FUNCTION": {"name": str, "description": str, "parameters": dict}})],
    "webSearchOptions": dict,
}

CALL = {"name*": str, "parameters*": dict}
RESULT = {"call*": CALL, "outputs*": list}
TURN = (
    "role",
    {
        "USER": {"message*": str},
        "SYSTEM": {"message*": str},
        "CHATBOT": {"message": str, "toolCalls": [CALL]},
        "TOOL": {"toolResults*": [RESULT]},
    },
)
COHERE_FORMAT = ("type", {"TEXT": {}, "JSON_OBJECT": {"schema": dict}})
COHERE = {
    **COMMON,
    "message*": str,
    "chatHistory": [TURN],
    "documents": list,
    "responseFormat": COHERE_FORMAT,
    "isSearchQueriesOnly": bool,
    "preambleOverride": str,
    "maxInputTokens": int,
    "promptTruncation": "OFF AUTO_PRESERVE_ORDER",
    "isEcho": bool,
    "tools": [{"name*": str, "description*": str, "parameterDefinitions": dict}],
    "toolResults": [RESULT],
    "isForceSingleStep": bool,
    "stopSequences": [str],
    "isRawPrompting": bool,
    "citationQuality": "ACCURATE FAST",
    "safetyMode": "CONTEXTUAL STRICT OFF",
}

CONTENT_V2 = [
    (
        "type",
        {
            "TEXT": {"text": str},
            "IMAGE_URL": {"imageUrl": dict},
            "DOCUMENT": {"document": dict},
            "THINKING": {"thinking": str},
        },
    )
]
MESSAGE_V2 = (
    "role",
    {
        "USER": {"content*": CONTENT_V2},
        "SYSTEM": {"content*": CONTENT_V2},
        "TOOL": {"content*": CONTENT_V2, "toolCallId*": str},
        "ASSISTANT": {
            "content*": CONTENT_V2,
            "toolPlan": str,
            "toolCalls": [{"id": str, "type": "FUNCTION", "function": dict}],
            "citations": list,
        },
    },
)
COHERE_V2 = {
    **COMMON,
    "messages*": [MESSAGE_V2],
    "documents": list,
    "citationOptions": {"mode": "FAST ACCURATE OFF"},
    "toolsChoice": "REQUIRED NONE",
    "tools": [("type", {"FUNCTION": {"function*": {"name*": str, "description": str, "parameters*": dict}}})],
    "isStrictToolsEnabled": bool,
    "isLogProbsEnabled": bool,
    "thinking": ("type", {"ENABLED": {"tokenBudget": int}, "DISABLED": {"tokenBudget": int}}),
    "responseFormat": COHERE_FORMAT,
    "isSearchQueriesOnly": bool,
    "stopSequences": [str],
    "priority": int,
    "isRawPrompting": bool,
    "safetyMode": "CONTEXTUAL STRICT OFF",
}

MODES = {"ON_DEMAND": {"modelId*": str}, "DEDICATED": {"endpointId*": str}}
REQUESTS = {"GENERIC": GENERIC, "COHERE": COHERE, "COHEREV2": COHERE_V2}
DETAILS = {"compartmentId*": str, "servingMode*": ("servingType", MODES), "chatRequest*": ("apiFormat", REQUESTS)}


def check(value: Any, form: Any, place: str) -> None:
    """Refuse (400) a value that does not have the form. Null is the same as nothing, and ranges are not checked."""
    if isinstance(form, tuple):
        field, variants = form
        check(value, {f"{field}*": " ".join(variants)}, place)
        check(value, variants[value[field]], place)
    elif isinstance(form, dict):
        check(value, dict, place)
        for name, inner in form.items():
            field = name.rstrip("*")
            if value.get(field) is not None:
                check(value[field], inner, f"{place}.{field}")
            elif field != name:
                raise Refused(f"{place}.{field} is missing", status=400)
    elif isinstance(form, list):
        check(value, list, place)
        for index, item in enumerate(value):
            check(item, form[0], f"{place}[{index}]")
    elif isinstance(form, str):
        if value not in form.split():
            raise Refused(f"{place} is none of {', '.join(form.split())}", status=400)
    elif type(value) is not form and (type(value), form) != (int, float):
        raise Refused(f"{place} is not of the type {form.__name__}", status=400)
