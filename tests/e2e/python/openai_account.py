"""What the official SDK is asked in the synchronous and the asynchronous program alike."""

from account import API, KEY, context, show

BASE_URL = API + "/v1"
MODEL = "gpt-4o"
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a replay?"}]
TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]
WEATHER = [{"role": "user", "content": "What is the weather in Zürich?"}]


def options(http_client):
    return {"base_url": BASE_URL, "api_key": KEY, "max_retries": 2, "timeout": 30, "http_client": http_client}


def tls_context():
    return context()


def show_model(label, model):
    """Every field, volatile ones included."""
    show(label, model.model_dump_json())


def answered(messages, message):
    """The conversation after the tool the model asked for has answered."""
    call = message.tool_calls[0]
    return [*messages, message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": call.id, "content": "Sunny, 21 °C"}]
